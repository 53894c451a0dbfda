//! The whole public surface on one page. `openapi.yaml` describes the same set; a test holds the two together.

use axum::handler::Handler;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};

use super::problem::{self, Problem};
use super::{App, catalogue, documents, fits, frame, guard, health, page};

/// One operation: a method on a path, and who answers.
pub(crate) struct Route {
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the test that holds the routes against openapi.yaml"))]
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    endpoint: MethodRouter<App>,
}

/// Every documented operation.
pub(crate) fn table() -> Vec<Route> {
    vec![
        post("/fits", fits::create),
        get("/fits", fits::list),
        get("/fits/{id}", fits::read),
        delete("/fits/{id}", fits::delete),
        post("/fits/{id}/cancel", fits::cancel),
        get("/fits/{id}/events", fits::events),
        get("/fits/{id}/history", fits::history),
        post("/fits/{id}/predict", fits::predict),
        get("/fits/{id}/plot/{picture}", fits::plot),
        get("/catalogue", catalogue::read),
        get("/", page::index),
        get("/page/{file}", page::file),
        get("/livez", health::alive),
        get("/readyz", health::ready),
        get("/openapi.yaml", documents::yaml),
        get("/openapi.json", documents::json),
        get("/docs", documents::docs),
        get("/docs/{file}", documents::file),
    ]
}

/// The service's routes with everything around them, outermost last.
pub(crate) fn router(app: App) -> axum::Router {
    let mut router = axum::Router::new();
    for route in table() {
        router = router.route(route.path, route.endpoint);
    }
    router
        .fallback(async || Problem::not_found())
        .layer(middleware::from_fn_with_state(app.clone(), guard::admit))
        .layer(CatchPanicLayer::custom(problem::after_panic))
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(untagged)))
        .layer(middleware::from_fn(frame::frame))
        .with_state(app)
}

/// A strong ETag names bytes, and compressing changes them.
fn untagged(
    _: axum::http::StatusCode,
    _: axum::http::Version,
    headers: &axum::http::HeaderMap,
    _: &axum::http::Extensions,
) -> bool {
    !headers.contains_key(axum::http::header::ETAG)
}

fn get<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Route {
    Route { method: Method::GET, path, endpoint: on(MethodFilter::GET, handler) }
}

fn post<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Route {
    Route { method: Method::POST, path, endpoint: on(MethodFilter::POST, handler) }
}

fn delete<T: 'static>(path: &'static str, handler: impl Handler<T, App>) -> Route {
    Route { method: Method::DELETE, path, endpoint: on(MethodFilter::DELETE, handler) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn routes_and_openapi_paths_are_the_same_set() {
        let document: serde_json::Value = serde_norway::from_str(documents::OPENAPI_YAML).expect("valid YAML");
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for method in item.as_object().expect("operations").keys() {
                if ["get", "put", "post", "delete", "patch", "head", "options"].contains(&method.as_str()) {
                    described.insert((method.to_uppercase(), path.clone()));
                }
            }
        }
        let served: BTreeSet<_> =
            table().iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect();
        assert_eq!(served, described);
    }
}

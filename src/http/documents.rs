//! The documents that the service carries: its description, and a page to read and try it, offline.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::Config;

use super::problem::Problem;

/// The description, written by hand.
pub(super) const OPENAPI_YAML: &str = include_str!("../../openapi.yaml");

static OPENAPI_JSON: LazyLock<Result<Vec<u8>, String>> = LazyLock::new(|| {
    let document: serde_json::Value = serde_norway::from_str(OPENAPI_YAML).map_err(|error| error.to_string())?;
    serde_json::to_vec(&document).map_err(|error| error.to_string())
});

/// No badge of a validator: the page asks no other host for anything.
static DOCS: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));

pub(super) async fn yaml() -> Response {
    ([(CONTENT_TYPE, "application/yaml")], OPENAPI_YAML).into_response()
}

pub(super) async fn json() -> Result<Response, Problem> {
    match &*OPENAPI_JSON {
        Ok(bytes) => Ok(([(CONTENT_TYPE, "application/json")], bytes.as_slice()).into_response()),
        Err(error) => Err(Problem::internal(error)),
    }
}

/// The page names its files relative to itself, and it does not stand in their folder.
pub(super) async fn docs() -> Result<Response, Problem> {
    let Ok(Some(page)) = utoipa_swagger_ui::serve("index.html", DOCS.clone()) else {
        return Err(Problem::internal("the documents' page is missing"));
    };
    let page = String::from_utf8_lossy(&page.bytes).into_owned();
    let page = ["href=\"", "src=\""]
        .into_iter()
        .fold(page, |page, attribute| page.replace(attribute, &format!("{attribute}/docs/")))
        .replace("/docs/./", "/docs/");
    Ok(([(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response())
}

pub(super) async fn file(Path(file): Path<String>) -> Result<Response, Problem> {
    asset(&file)
}

fn asset(name: &str) -> Result<Response, Problem> {
    match utoipa_swagger_ui::serve(name, DOCS.clone()) {
        Ok(Some(file)) => Ok(([(CONTENT_TYPE, file.content_type)], file.bytes.into_owned()).into_response()),
        Ok(None) => Err(Problem::not_found()),
        Err(error) => Err(Problem::internal(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_page_works_without_a_network() {
        for name in ["index.html", "swagger-initializer.js", "swagger-ui.css", "swagger-ui-bundle.js"] {
            let response = asset(name).expect("shipped").into_response();
            let body = axum::body::to_bytes(response.into_body(), 16 << 20).await.expect("body");
            let text = String::from_utf8_lossy(&body);
            assert!(!text.contains("src=\"http") && !text.contains("href=\"http"), "{name} loads from elsewhere");
            assert!(name != "swagger-initializer.js" || text.contains("/openapi.json"), "{text}");
        }
        assert!(asset("../Cargo.toml").is_err());
    }
}

//! `GET /`: the page on which fits are set up, watched and compared. Its files are part of the program, and it asks no other
//! server for anything.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// Scripts, styles and calls are those of this server; pictures may also be what a script was sent.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

const INDEX: &str = include_str!("page/index.html");

/// Name, type and content of what the page loads: its own parts, and examples of what can be posted.
const FILES: [(&str, &str, &str); 13] = [
    ("main.js", JAVASCRIPT, include_str!("page/main.js")),
    ("setup.js", JAVASCRIPT, include_str!("page/setup.js")),
    ("choice.js", JAVASCRIPT, include_str!("page/choice.js")),
    ("view.js", JAVASCRIPT, include_str!("page/view.js")),
    ("text.js", JAVASCRIPT, include_str!("page/text.js")),
    ("csv.js", JAVASCRIPT, include_str!("page/csv.js")),
    ("page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("line.json", JSON, include_str!("../../examples/line.json")),
    ("cubic.json", JSON, include_str!("../../examples/cubic.json")),
    ("diverging.json", JSON, include_str!("../../examples/cubic_diverging.json")),
    ("decay.json", JSON, include_str!("../../examples/decay.json")),
    ("classes.json", JSON, include_str!("../../examples/classes.json")),
];

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";

pub(super) async fn index() -> Response {
    served("text/html; charset=utf-8", INDEX)
}

pub(super) async fn file(Path(file): Path<String>) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(name, ..)| *name == file);
    found.map(|(_, kind, content)| served(kind, content)).ok_or_else(Problem::not_found)
}

fn served(kind: &'static str, content: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // Another version of the service has another page.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small() {
        let bytes = INDEX.len() + FILES.iter().map(|(_, _, content)| content.len()).sum::<usize>();
        assert!(bytes < 60_000, "{bytes} bytes");
    }
}

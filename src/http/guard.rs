//! Who may talk to a service that has no keys: a browser may not be led here by another site. A page of another site
//! can make a name of its own point at this machine (then `Host` is foreign), or post here across sites (then `Origin` or
//! `Sec-Fetch-Site` says so). There are no CORS headers, so that no other site can read an answer.

use std::collections::HashSet;
use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::problem::Problem;

const URI_BYTES_MAX: u64 = 8 << 10;
const HEADER_BYTES_MAX: u64 = 16 << 10;

/// Lets a request in, or answers why not.
pub(super) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    match check(request.method(), request.uri(), request.headers(), &app.limits.allowed_hosts) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(method: &Method, uri: &Uri, headers: &HeaderMap, allowed: &HashSet<String>) -> Result<(), Problem> {
    let uri_bytes = uri.path_and_query().map_or(0, |text| text.as_str().len()) as u64;
    if uri_bytes > URI_BYTES_MAX {
        return Err(Problem::uri_too_long(URI_BYTES_MAX, uri_bytes));
    }
    let header_bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() as u64;
    if header_bytes > HEADER_BYTES_MAX {
        return Err(Problem::headers_too_large(HEADER_BYTES_MAX, header_bytes));
    }
    let host = headers.get(HOST).map(|host| host.to_str().unwrap_or("?").to_lowercase());
    let authority = uri.authority().map(|authority| authority.as_str().to_lowercase());
    for host in host.iter().chain(&authority) {
        if !is_allowed(host_name(host), allowed) {
            return Err(Problem::host_not_allowed(host));
        }
    }
    if method == Method::CONNECT {
        return Err(Problem::no_tunnels());
    }
    if !method.is_safe() && is_cross_site(headers, host.as_deref()) {
        return Err(Problem::cross_site_request());
    }
    Ok(())
}

/// The host without its port.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(host, |(address, _)| address);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_allowed(name: &str, allowed: &HashSet<String>) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok()
        || allowed.contains(name)
        || allowed.contains("*")
}

fn is_cross_site(headers: &HeaderMap, host: Option<&str>) -> bool {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let origin = origin.to_str().unwrap_or("null").to_lowercase();
    let (default_port, authority) = match origin.split_once("://") {
        Some(("http", authority)) => (":80", authority),
        Some(("https", authority)) => (":443", authority),
        _ => return true,
    };
    let without_default = |authority: &str| authority.strip_suffix(default_port).unwrap_or(authority).to_owned();
    host.is_none_or(|host| without_default(host) != without_default(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(method: Method, headers: &[(&'static str, &'static str)]) -> u16 {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value"))).collect();
        let allowed = HashSet::from(["fit.example".to_owned()]);
        let checked = check(&method, &Uri::from_static("/fits"), &headers, &allowed);
        checked.err().map_or(200, |problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn only_hosts_that_cannot_be_rebound_pass() {
        for host in
            ["localhost:8080", "a.localhost", "127.0.0.1:80", "[::1]:8080", "10.1.2.3", "FIT.example", "localhost."]
        {
            assert_eq!(outcome(Method::GET, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "fit.example.evil", "", "127.0.0.1.evil.example"] {
            assert_eq!(outcome(Method::GET, &[("host", host)]), 403, "{host}");
        }
    }

    #[test]
    fn only_pages_of_this_service_change_anything() {
        let cases = [
            (&[("host", "localhost:8080"), ("origin", "http://localhost:8080")][..], 200),
            (&[("host", "fit.example"), ("origin", "https://fit.example")], 200),
            (&[("host", "fit.example:443"), ("origin", "https://fit.example")], 200),
            (&[("host", "localhost:8080"), ("origin", "https://evil.example")], 403),
            (&[("host", "localhost:8080"), ("origin", "http://localhost:3000")], 403),
            (&[("host", "localhost:8080"), ("origin", "null")], 403),
            (&[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")], 403),
            (&[("host", "localhost:8080"), ("sec-fetch-site", "same-origin")], 200),
        ];
        for (headers, expected) in cases {
            assert_eq!(outcome(Method::POST, headers), expected, "{headers:?}");
            assert_eq!(outcome(Method::GET, headers), 200, "{headers:?}");
        }
    }

    #[test]
    fn tunnels_are_refused() {
        assert_eq!(outcome(Method::CONNECT, &[("host", "localhost")]), 405);
    }
}

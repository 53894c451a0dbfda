//! `GET /fits`: fits, newest first, a page at a time.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;

use super::answer::FitView;
use crate::fit::{FitId, Status, Tenant};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::{App, json};
use crate::jobs::ListQuery;

const LIMIT_DEFAULT: u64 = 50;
/// Labels that one list can be narrowed by.
const LABELS_MAX: usize = 64;
const LIMIT_MAX: u64 = 1000;

#[derive(Serialize)]
struct PageView<'a> {
    data: Vec<FitView<'a>>,
    has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

pub(in crate::http) async fn list(State(app): State<App>, query: Query) -> Result<Response, Problem> {
    let query = read_query(query)?;
    let page = app.jobs.list(&Tenant::default(), query).await?;
    let next = page.fits.last().filter(|_| page.has_more).map(|record| cursor(record.id));
    let data = page.fits.iter().map(FitView::from).collect();
    json::answer(StatusCode::OK, &PageView { data, has_more: page.has_more, next })
}

fn read_query(mut query: Query) -> Result<ListQuery, Problem> {
    let status = query
        .take("status")?
        .map(|text| {
            let names = Status::ALL.map(Status::as_str).join(", ");
            Status::parse(&text).ok_or_else(|| Problem::invalid_query("status", format!("it must be one of {names}")))
        })
        .transpose()?;
    let labels = query.take_prefixed("label.");
    if labels.len() > LABELS_MAX {
        return Err(Problem::invalid_query("label.", format!("at most {LABELS_MAX} labels can be asked for")));
    }
    let created_after = query.parse::<Timestamp>("created_after", "a time such as 2026-01-31T12:00:00Z")?;
    let limit = query.whole("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize;
    let before = query
        .take("after")?
        .map(|text| id_of(&text).ok_or_else(|| Problem::invalid_query("after", "it is not a cursor of this list")))
        .transpose()?;
    query.finish()?;
    Ok(ListQuery { status, labels, created_after, before, limit })
}

/// Where the next page begins. Clients take it as it is.
fn cursor(id: FitId) -> String {
    id.as_bytes().iter().fold(String::with_capacity(32), |text, byte| format!("{text}{byte:02x}"))
}

fn id_of(cursor: &str) -> Option<FitId> {
    if cursor.len() != 32 || !cursor.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&cursor[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(FitId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use axum::extract::FromRequestParts;

    use super::*;

    async fn parsed(target: &'static str) -> Result<ListQuery, String> {
        let (mut parts, ()) = axum::http::Request::get(target).body(()).expect("target").into_parts();
        let query = Query::from_request_parts(&mut parts, &()).await.map_err(|problem| format!("{problem:?}"))?;
        read_query(query).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn a_cursor_leads_back_to_its_fit() {
        let id = FitId::new();
        assert_eq!(id_of(&cursor(id)), Some(id));
        for foreign in ["", "zz", &"g".repeat(32), &"é".repeat(16)] {
            assert_eq!(id_of(foreign), None);
        }
    }

    #[tokio::test]
    async fn filters_are_read_and_misspelt_ones_refused() {
        let query = parsed("/fits?status=failed&label.sensor=a%207&limit=7&created_after=2026-01-31T12:00:00Z").await;
        let query = query.expect("valid");
        assert_eq!((query.status, query.limit), (Some(Status::Failed), 7));
        assert_eq!(query.labels, [("sensor".to_owned(), "a 7".to_owned())]);
        assert!(query.created_after.is_some());
        for (target, name) in [
            ("/fits?stats=failed", "stats"),
            ("/fits?status=done", "status"),
            ("/fits?limit=0", "limit"),
            ("/fits?limit=1001", "limit"),
            ("/fits?limit=1&limit=2", "limit"),
            ("/fits?after=1", "after"),
            ("/fits?created_after=yesterday", "created_after"),
        ] {
            let problem = parsed(target).await.expect_err(target);
            assert!(problem.contains(&format!("query parameter {name}")), "{problem}");
        }
    }
}

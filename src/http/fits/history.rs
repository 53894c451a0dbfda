//! `GET /fits/{id}/history`: the descent, point by point, as JSON by column or as CSV.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, LINK, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::FitPath;
use super::answer::location;
use crate::fit::{HistoryBlock, HistoryShape};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::{App, json};

const LIMIT_DEFAULT: u64 = 10_000;
const LIMIT_MAX: u64 = 1_000_000;

/// The ways in which a history can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

/// Which points are asked for.
#[derive(Clone, Copy, Debug)]
struct Range {
    from: u64,
    limit: usize,
    every: u64,
}

/// One page of points.
struct Page {
    shape: HistoryShape,
    block: HistoryBlock,
    /// The iteration at which the next page begins.
    next: Option<u64>,
}

pub(in crate::http) async fn history(
    State(app): State<App>,
    path: FitPath,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let range = Range {
        from: query.whole("from", 0, u64::MAX)?.unwrap_or(0),
        limit: query.whole("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize,
        every: query.whole("every", 1, u64::MAX)?.unwrap_or(1),
    };
    query.finish()?;
    let format = accepted(&headers).ok_or_else(|| Problem::not_acceptable("application/json or text/csv"))?;
    let found = app.jobs.history(&path.tenant, path.id, range.from, u64::MAX).await?;
    let (shape, block) = found.ok_or_else(Problem::unknown_fit)?;
    let page = page(shape, &block, range);
    let mut response = match format {
        Format::Json => json::answer(StatusCode::OK, &page)?,
        Format::Csv => {
            let text = csv(&page).map_err(|error| Problem::internal(&error.to_string()))?;
            ([(CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], text).into_response()
        }
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    if let Some(next) = page.next {
        let Range { limit, every, .. } = range;
        let path = location(path.id);
        let link = format!("<{path}/history?from={next}&limit={limit}&every={every}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(LINK, link);
        }
    }
    Ok(response)
}

/// The points of the block that belong to the page.
fn page(shape: HistoryShape, block: &HistoryBlock, range: Range) -> Page {
    let end = block.iterations.last().copied();
    let wanted = |iteration: u64| iteration.is_multiple_of(range.every) || Some(iteration) == end;
    let mut chosen = block.iterations.iter().copied().filter(|&iteration| wanted(iteration));
    let last = chosen.by_ref().take(range.limit).last();
    let next = chosen.next();
    let mut kept = HistoryBlock::new(shape.columns(), block.stride);
    if let Some(last) = last {
        kept.extend_where(block, |iteration| iteration <= last && wanted(iteration));
    }
    Page { shape, block: kept, next }
}

impl Page {
    /// The loss on the validation rows, where there are some.
    fn validation_loss(&self) -> Option<&[f64]> {
        let column = self.block.coefficients.get(self.shape.coefficients.len());
        column.filter(|_| self.shape.validated).map(Vec::as_slice)
    }

    /// Passes over the rows so far, where batches make them.
    fn epochs(&self) -> Option<Vec<f64>> {
        let each = self.shape.iterations_per_epoch?.max(1) as f64;
        Some(self.block.iterations.iter().map(|iteration| *iteration as f64 / each).collect())
    }
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iteration", &self.block.iterations)?;
        map.serialize_entry("loss", &self.block.loss)?;
        map.serialize_entry("gradient_norm", &self.block.gradient_norm)?;
        if let Some(losses) = self.validation_loss() {
            map.serialize_entry("validation_loss", losses)?;
        }
        if let Some(epochs) = self.epochs() {
            map.serialize_entry("epoch", &epochs)?;
        }
        if !self.shape.coefficients.is_empty() {
            map.serialize_entry("coefficients", &Columns(self))?;
        }
        map.serialize_entry("stride", &self.block.stride)?;
        map.serialize_entry("has_more", &self.next.is_some())?;
        if let Some(next) = self.next {
            map.serialize_entry("next", &next)?;
        }
        map.end()
    }
}

/// The coefficients' columns by name.
struct Columns<'a>(&'a Page);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.shape.coefficients.iter().zip(&self.0.block.coefficients))
    }
}

fn csv(page: &Page) -> csv::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let (losses, epochs) = (page.validation_loss(), page.epochs());
    let mut head = vec!["iteration".to_owned(), "loss".to_owned(), "gradient_norm".to_owned()];
    head.extend(losses.map(|_| "validation_loss".to_owned()));
    head.extend(epochs.as_ref().map(|_| "epoch".to_owned()));
    writer.write_record(head.into_iter().chain(page.shape.coefficients.iter().map(|name| neutralised(name))))?;
    let block = &page.block;
    for row in 0..block.len() {
        let numbers = [block.loss[row], block.gradient_norm[row]].into_iter();
        let numbers = numbers.chain(losses.map(|losses| losses[row])).chain(epochs.as_ref().map(|epochs| epochs[row]));
        let coefficients = block.coefficients.iter().take(page.shape.coefficients.len()).map(|column| column[row]);
        let numbers = numbers.chain(coefficients);
        writer.write_record(std::iter::once(block.iterations[row].to_string()).chain(numbers.map(shortest)))?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The shortest text that reads back as the same number.
fn shortest(number: f64) -> String {
    format!("{number:?}")
}

/// A name that a spreadsheet would run as a formula, as plain text.
fn neutralised(name: &str) -> String {
    if name.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{name}") } else { name.to_owned() }
}

/// The format that the client likes best, JSON where it does not say; nothing if it takes neither.
fn accepted(headers: &HeaderMap) -> Option<Format> {
    let mut values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if values.peek().is_none() {
        return Some(Format::Json);
    }
    let ranges: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let quality = |kind: &str, group: &str| {
        let of = |wanted: &str| ranges.iter().find_map(|range| weight(range, wanted));
        of(kind).or_else(|| of(group)).or_else(|| of("*/*")).unwrap_or(0.0)
    };
    let (json, csv) = (quality("application/json", "application/*"), quality("text/csv", "text/*"));
    match (json, csv) {
        (json, csv) if json <= 0.0 && csv <= 0.0 => None,
        (json, csv) if csv > json => Some(Format::Csv),
        _ => Some(Format::Json),
    }
}

/// The quality of a media range, if it is the wanted one.
fn weight(range: &str, wanted: &str) -> Option<f64> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(wanted) {
        return None;
    }
    Some(parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> HistoryBlock {
        let mut block = HistoryBlock::new(1, 1);
        for iteration in 0..5 {
            block.push(iteration, 1.0 / (iteration as f64 + 1.0), 0.5, &[iteration as f64]);
        }
        block
    }

    fn taken(limit: usize, every: u64) -> Page {
        let shape =
            HistoryShape { coefficients: vec!["=cmd".to_owned()], validated: false, iterations_per_epoch: None };
        page(shape, &block(), Range { from: 0, limit, every })
    }

    #[test]
    fn pages_say_where_the_next_one_begins() {
        let first = taken(2, 2);
        assert_eq!((first.block.iterations, first.next), (vec![0, 2], Some(4)));
        assert_eq!(taken(9, 3).block.iterations, [0, 3, 4], "the last point stays");
        let all = taken(5, 1);
        assert_eq!((all.block.len(), all.next), (5, None));
    }

    #[test]
    fn json_is_by_column() {
        let text = String::from_utf8(json::to_bytes(&taken(2, 1)).expect("finite")).expect("UTF-8");
        assert_eq!(
            text,
            r#"{"iteration":[0,1],"loss":[1.0,0.5],"gradient_norm":[0.5,0.5],"coefficients":{"=cmd":[0.0,1.0]},"stride":1,"has_more":true,"next":2}"#
        );
    }

    #[test]
    fn csv_has_no_cell_that_a_spreadsheet_would_run() {
        assert_eq!(
            csv(&taken(2, 1)).expect("CSV"),
            "iteration,loss,gradient_norm,'=cmd\n0,1.0,0.5,0.0\n1,0.5,0.5,1.0\n"
        );
    }

    #[test]
    fn the_client_chooses_the_format() {
        for (accept, expected) in [
            ("*/*", Some(Format::Json)),
            ("application/json", Some(Format::Json)),
            ("text/csv", Some(Format::Csv)),
            ("text/*, application/json;q=0.5", Some(Format::Csv)),
            ("text/csv;q=0.1, */*", Some(Format::Json)),
            ("text/html", None),
            ("application/json;q=0", None),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(accepted(&headers), expected, "{accept}");
        }
        assert_eq!(accepted(&HeaderMap::new()), Some(Format::Json));
    }
}

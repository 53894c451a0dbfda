//! `GET /fits/{id}/plot/{picture}`: a fit as a picture, as far as it is.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::read::is_match;
use crate::fit::{Choice, FitId, FitRecord, HistoryBlock, HistoryShape, Outcome, Setting, Status, Tenant};
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::plot::{self, Correlation, Look, Loss, Picture, Scale, Theme};

/// The pictures of a fit, by the words in their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Loss,
    Path,
    Correlation,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Loss, Self::Path, Self::Correlation];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Path => "path",
            Self::Correlation => "correlation",
        }
    }
}

/// How a picture is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

/// The picture that the path names. What is none names nothing.
pub(in crate::http) struct PicturePath {
    tenant: Tenant,
    id: FitId,
    kind: Kind,
    format: Format,
}

impl<S: Send + Sync> FromRequestParts<S> for PicturePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, picture)) = path.map_err(|_| Problem::unknown_fit())?;
        let id = FitId::parse(&id).ok_or_else(Problem::unknown_fit)?;
        let (name, ending) = picture.split_once('.').ok_or_else(Problem::not_found)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(Problem::not_found)?;
        let format = match ending {
            "svg" => Format::Svg,
            "png" => Format::Png,
            _ => return Err(Problem::not_found()),
        };
        Ok(Self { tenant: Tenant::default(), id, kind, format })
    }
}

/// CSS pixels of a side.
const WIDTHS: (u64, u64) = (200, 4_000);
const HEIGHTS: (u64, u64) = (150, 4_000);
/// Letters of a title, at most.
const TITLE_MAX: usize = 200;
/// Pixels of an image to a CSS pixel, at most, and of an image in all.
const SCALE_MAX: f64 = 4.0;
const PIXELS_MAX: f64 = 16e6;
/// Changes of the learning rate that are marked, at most: more would hide the line.
const CHANGES_MAX: u64 = 12;

pub(in crate::http) async fn plot(
    State(app): State<App>,
    path: PicturePath,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let PicturePath { tenant, id, kind, format } = path;
    let (look, scale) = asked(&mut query, format)?;
    query.finish()?;
    let record = app.jobs.fit(&tenant, id).await?.ok_or_else(Problem::unknown_fit)?;
    if let Some(Outcome::Failed(_)) = record.outcome {
        return Err(Problem::nothing_to_draw());
    }
    let history = match kind {
        Kind::Correlation => None,
        Kind::Loss | Kind::Path => app.jobs.history(&tenant, id, 0, u64::MAX).await?,
    };
    if record.status == Status::Queued && history.as_ref().is_none_or(|(_, block)| block.is_empty()) {
        return Err(Problem::not_drawn_yet());
    }
    let drawn = tokio::task::spawn_blocking(move || {
        let picture = draw(kind, &record, history.as_ref(), &look)?;
        match format {
            Format::Svg => Ok(picture.svg().into_bytes()),
            Format::Png => picture.png(scale as f32).map_err(|error| Problem::internal(&error)),
        }
    });
    let bytes = drawn.await.map_err(|error| Problem::internal(&error.to_string()))??;
    Ok(sent(bytes, format, &headers))
}

/// What the picture is to look like, and how many pixels of an image are in a CSS pixel.
fn asked(query: &mut Query, format: Format) -> Result<(Look, f64), Problem> {
    let standard = Look::default();
    let side = |query: &mut Query, name, (least, most), standard: u32| -> Result<u32, Problem> {
        Ok(query.whole(name, least, most)?.map_or(standard, |side| side as u32))
    };
    let look = Look {
        width: side(query, "width", WIDTHS, standard.width)?,
        height: side(query, "height", HEIGHTS, standard.height)?,
        theme: word(query, "theme", &[("light", Theme::Light), ("dark", Theme::Dark)])?,
        title: query.take("title")?,
        x_scale: word(query, "x_scale", &SCALES)?,
        y_scale: word(query, "y_scale", &SCALES)?,
    };
    if look.title.as_ref().is_some_and(|title| title.chars().count() > TITLE_MAX) {
        return Err(Problem::invalid_query("title", format!("it has at most {TITLE_MAX} characters")));
    }
    // Clients that are made from the document send what is the default, to an SVG too.
    let scale = query.parse::<f64>("scale", "a number")?.unwrap_or(1.0);
    if !(1.0..=SCALE_MAX).contains(&scale) {
        return Err(Problem::invalid_query("scale", format!("it must be between 1 and {SCALE_MAX}")));
    }
    let pixels = f64::from(look.width) * f64::from(look.height) * scale * scale;
    if format == Format::Png && pixels > PIXELS_MAX {
        return Err(Problem::invalid_query(
            "scale",
            format!("an image has at most {PIXELS_MAX} pixels, this has {pixels}"),
        ));
    }
    Ok((look, scale))
}

const SCALES: [(&str, Scale); 3] = [("auto", Scale::Auto), ("linear", Scale::Linear), ("log", Scale::Log)];

/// The value of a parameter that is one of a few words; the first where it is not given.
fn word<T: Copy>(query: &mut Query, name: &str, words: &[(&str, T)]) -> Result<T, Problem> {
    let given = query.take(name)?;
    let found = match &given {
        Some(given) => words.iter().find(|(word, _)| word == given),
        None => words.first(),
    };
    let names = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.map(|(_, value)| *value).ok_or_else(|| Problem::invalid_query(name, format!("it is one of {}", names())))
}

fn draw(
    kind: Kind,
    record: &FitRecord,
    history: Option<&(HistoryShape, HistoryBlock)>,
    look: &Look,
) -> Result<Picture, Problem> {
    match (kind, history) {
        (Kind::Loss, Some((shape, block))) => Ok(loss(record, shape, block, look)),
        (Kind::Path, Some((shape, block))) if !shape.coefficients.is_empty() => Ok(plot::path(
            &plot::Path { iterations: &block.iterations, names: &shape.coefficients, values: &block.coefficients },
            look,
        )),
        (Kind::Path, Some(_)) => {
            let detail =
                "the history of this fit holds no coefficients; \"history\": {\"coefficients\": true} keeps them";
            Err(Problem::no_picture(detail))
        }
        (Kind::Correlation, _) => correlation(record, look),
        (Kind::Loss | Kind::Path, None) => Err(Problem::unknown_fit()),
    }
}

fn loss(record: &FitRecord, shape: &HistoryShape, block: &HistoryBlock, look: &Look) -> Picture {
    let validation = block.coefficients.get(shape.coefficients.len()).filter(|_| shape.validated);
    let result = record.outcome.as_ref().and_then(Outcome::result);
    let last = block.iterations.last().copied().unwrap_or_default();
    let what = Loss {
        iterations: &block.iterations,
        training: &block.loss,
        validation: validation.map(Vec::as_slice),
        best: result.and_then(|result| result.validation.as_ref()?.best_iteration),
        changes: &changes(&record.spec.optimizer, last),
        is_running: !record.status.is_terminal(),
    };
    plot::loss(&what, look)
}

/// The iterations up to `last` at which a learning rate that changes in steps does so.
fn changes(optimizer: &Choice, last: u64) -> Vec<(u64, String)> {
    let Some(Setting::Choice(schedule)) = optimizer.settings.get("schedule") else { return Vec::new() };
    let (Some(&Setting::Integer(every)), Some(factor)) =
        (schedule.settings.get("every"), schedule.settings.get("factor"))
    else {
        return Vec::new();
    };
    let factor = match factor {
        Setting::Number(factor) => *factor,
        Setting::Integer(factor) => *factor as f64,
        _ => return Vec::new(),
    };
    if schedule.kind != "step" || every == 0 || last / every > CHANGES_MAX {
        return Vec::new();
    }
    (1..=last / every).map(|step| (step * every, format!("rate × {factor}"))).collect()
}

fn correlation(record: &FitRecord, look: &Look) -> Result<Picture, Problem> {
    let Some(result) = record.outcome.as_ref().and_then(Outcome::result) else { return Err(Problem::not_drawn_yet()) };
    let Some(matrix) = &result.correlation else {
        return Err(Problem::no_picture("this fit has no errors of the estimates, and so no correlation"));
    };
    let names: Vec<String> = result.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    Ok(plot::correlation(&Correlation { names: &names, matrix }, look))
}

/// The picture as an answer. Its tag is made from its bytes, so that a page that asks again and again is told when nothing
/// has changed.
fn sent(bytes: Vec<u8>, format: Format, headers: &HeaderMap) -> Response {
    let digest = Sha256::digest(&bytes);
    let tag = format!("\"{}\"", digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect::<String>());
    let mut response = if is_match(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = match format {
            Format::Svg => "image/svg+xml",
            Format::Png => "image/png",
        };
        ([(CONTENT_TYPE, kind)], bytes).into_response()
    };
    let answer = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.insert(ETAG, tag);
    }
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    // A picture that is opened by itself is a document: it runs nothing and loads nothing.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    answer.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

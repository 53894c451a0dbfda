//! `GET /fits/{id}/plot/{picture}`: a fit as a picture, as far as it is.

mod draw;
mod look;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::read::is_match;
use crate::fit::{FitId, Outcome, Status, Tenant};
use crate::http::App;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::jobs::View;
use crate::plot::Picture;

use look::asked;

/// The pictures of a fit, by the words in their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Fit,
    Loss,
    Residuals,
    Surface,
    Path,
    Correlation,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 6] =
        [Self::Fit, Self::Loss, Self::Residuals, Self::Surface, Self::Path, Self::Correlation];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Loss => "loss",
            Self::Residuals => "residuals",
            Self::Surface => "surface",
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

pub(in crate::http) async fn plot(
    State(app): State<App>,
    path: PicturePath,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let PicturePath { tenant, id, kind, format } = path;
    let (look, scale) = asked(&mut query, format)?;
    let over = (query.take("x")?, query.take("y")?);
    query.finish()?;
    // So many hold data and pixels at the same time.
    let _permit = app.drawings.acquire().await.map_err(|error| Problem::internal(&error.to_string()))?;
    let bytes = match view(kind, over) {
        Some(view) => {
            let seen = app.jobs.survey(&tenant, id, view).await?;
            painted(format, scale, move || Ok(draw::seen(&seen, &look))).await?
        }
        None => {
            let record = app.jobs.fit(&tenant, id).await?.ok_or_else(Problem::unknown_fit)?;
            if let Some(Outcome::Failed(_)) = record.outcome {
                return Err(Problem::nothing_to_draw());
            }
            let history = match kind {
                Kind::Loss | Kind::Path => app.jobs.history(&tenant, id, 0, u64::MAX).await?,
                _ => None,
            };
            if record.status == Status::Queued && history.as_ref().is_none_or(|(_, block)| block.is_empty()) {
                return Err(Problem::not_drawn_yet());
            }
            painted(format, scale, move || draw::recorded(kind, &record, history.as_ref(), &look)).await?
        }
    };
    Ok(sent(bytes, format, &headers))
}

/// What of the fit's data a picture shows; nothing where it is drawn from the record and the history.
fn view(kind: Kind, (across, up): (Option<String>, Option<String>)) -> Option<View> {
    match kind {
        Kind::Fit => Some(View::Fitted),
        Kind::Residuals => Some(View::Residuals),
        Kind::Surface => Some(View::Surface { across, up }),
        Kind::Loss | Kind::Path | Kind::Correlation => None,
    }
}

/// Draws where it keeps nobody waiting.
async fn painted(
    format: Format,
    scale: f64,
    draw: impl FnOnce() -> Result<Picture, Problem> + Send + 'static,
) -> Result<Vec<u8>, Problem> {
    let drawn = tokio::task::spawn_blocking(move || {
        let picture = draw()?;
        match format {
            Format::Svg => Ok(picture.svg().into_bytes()),
            Format::Png => picture.png(scale as f32).map_err(|error| Problem::internal(&error)),
        }
    });
    drawn.await.map_err(|error| Problem::internal(&error.to_string()))?
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

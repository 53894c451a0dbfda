//! Reads a posted body: the right type, one known encoding, within its limits and in time. What the bytes mean is for
//! `ingest`.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body::{Body as HttpBody, Frame};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Buf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;
use tower_http::decompression::{DecompressionBody, RequestDecompression};

use super::App;
use super::problem::Problem;
use crate::ingest::{self, Posted};

/// A whole body must have arrived after this.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Bodies above this are taken apart off the threads that answer requests.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// How long a body waits for others to be done with before it is refused.
const ROOM_TIMEOUT: Duration = Duration::from_secs(2);

/// What a body counts for, beside its bytes as sent: the columns made of them, and what holds a while longer.
const BYTES_PER_BYTE: u64 = 8;

/// KiB of room that a body takes at once.
const ROOM_STEP: u32 = 2048;

/// The bytes of a JSON document, decoded, with its part of what all bodies together may take.
#[derive(Debug)]
pub(super) struct JsonBody {
    pub(super) bytes: Bytes,
    room: Option<OwnedSemaphorePermit>,
}

/// All bodies that are being read together.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    kibibytes: Arc<Semaphore>,
    most: u32,
}

impl Room {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let most = u32::try_from(bytes_max >> 10).unwrap_or(u32::MAX).clamp(1, Semaphore::MAX_PERMITS as u32);
        Self { kibibytes: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// No room yet: a body takes its part as it comes, so that one that does not come keeps nobody out.
    fn none(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.kibibytes.clone().try_acquire_many_owned(0).map_err(|_| Problem::stopping())
    }

    /// Room for a body that has grown to so many bytes, once there is some. One that is larger than everything takes
    /// everything, and a small one nothing.
    async fn grow(&self, held: &mut OwnedSemaphorePermit, bytes: usize) -> Result<(), Problem> {
        if bytes <= INLINE_BYTES_MAX {
            return Ok(());
        }
        let counted = (bytes as u64).saturating_mul(BYTES_PER_BYTE).div_ceil(1 << 10);
        let wanted = u32::try_from(counted).unwrap_or(u32::MAX).min(self.most);
        let missing = wanted.saturating_sub(u32::try_from(held.num_permits()).unwrap_or(u32::MAX));
        if missing == 0 {
            return Ok(());
        }
        // More than it needs now, so that it does not ask for every frame.
        let missing = missing.max(ROOM_STEP).min(self.most - (wanted - missing));
        match tokio::time::timeout(ROOM_TIMEOUT, self.kibibytes.clone().acquire_many_owned(missing)).await {
            Ok(Ok(more)) => {
                held.merge(more);
                Ok(())
            }
            Ok(Err(_)) => Err(Problem::stopping()),
            Err(_) => Err(Problem::too_many_bodies()),
        }
    }
}

impl FromRequest<App> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (bytes, room) = read(request, app.limits.body_bytes_max, &app.room).await?;
        Ok(Self { bytes, room: Some(room) })
    }
}

impl JsonBody {
    /// The body's room, to be held for as long as anything that was made of it is.
    pub(super) fn room(&mut self) -> Option<OwnedSemaphorePermit> {
        self.room.take()
    }

    /// The document taken apart.
    pub(super) async fn parse(self, app: &App) -> Result<Posted, Problem> {
        let limits = app.limits.data;
        if self.bytes.len() <= INLINE_BYTES_MAX {
            return Ok(ingest::read(&self.bytes, limits)?);
        }
        let permit = app.parsers.clone().acquire_owned().await.map_err(|_| Problem::stopping())?;
        let parsed = tokio::task::spawn_blocking(move || {
            let parsed = ingest::read(&self.bytes, limits);
            drop(permit);
            parsed
        });
        Ok(parsed.await.map_err(|error| Problem::internal(&error.to_string()))??)
    }
}

async fn read(request: Request, limit: u64, room: &Room) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let headers = request.headers();
    if !is_json(headers) {
        return Err(Problem::unsupported_media_type());
    }
    let encoded = is_encoded(headers)?;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = length.filter(|&length| length > limit) {
        return Err(Problem::body_too_large(limit, Some(length)));
    }
    let collected = async {
        if encoded { decode(request, limit, room).await } else { collect(request.into_body(), limit, room).await }
    };
    tokio::time::timeout(BODY_TIMEOUT, collected).await.map_err(|_| Problem::request_timeout())?
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (types.next().and_then(|kind| kind.to_str().ok()), types.next()) else { return false };
    let essence = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Whether there is anything to decode.
fn is_encoded(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(encoding) = encodings.next() else { return Ok(false) };
    match (encoding.as_bytes(), encodings.next()) {
        (b"identity", None) => Ok(false),
        (b"gzip" | b"br" | b"zstd", None) => Ok(true),
        _ => Err(Problem::unsupported_encoding()),
    }
}

type Collected = (Bytes, OwnedSemaphorePermit);

async fn collect(body: Body, limit: u64, room: &Room) -> Result<Collected, Problem> {
    gather(Limited::new(body, bytes(limit)), room).await.map_err(|error| match error {
        Gather::Refused(problem) => problem,
        Gather::Body(error) if error.is::<LengthLimitError>() => Problem::body_too_large(limit, None),
        Gather::Body(_) => Problem::unreadable_body(),
    })
}

/// Why a body did not come.
enum Gather {
    Refused(Problem),
    Body(axum::BoxError),
}

/// All of a body, with the room that it takes.
async fn gather<B>(body: B, room: &Room) -> Result<Collected, Gather>
where
    B: HttpBody<Error = axum::BoxError>,
{
    let mut body = std::pin::pin!(body);
    let mut held = room.none().map_err(Gather::Refused)?;
    let mut gathered = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(Gather::Body)?.into_data() else { continue };
        room.grow(&mut held, gathered.len() + data.remaining()).await.map_err(Gather::Refused)?;
        while data.has_remaining() {
            let chunk = data.chunk();
            gathered.extend_from_slice(chunk);
            let taken = chunk.len();
            data.advance(taken);
        }
    }
    Ok((gathered.into(), held))
}

fn bytes(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

async fn decode(request: Request, limit: u64, room: &Room) -> Result<Collected, Problem> {
    let over = Arc::new(AtomicBool::new(false));
    let capped = request.map(|body| Capped { body, left: limit, over: over.clone() });
    let gathered = Arc::new(Mutex::new(None));
    let (into, room) = (gathered.clone(), room.clone());
    let unpack = tower::service_fn(move |request: axum::http::Request<DecompressionBody<Capped>>| {
        let (into, room) = (into.clone(), room.clone());
        async move {
            let outcome = gather(Limited::new(request.into_body(), bytes(limit)), &room).await;
            *into.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            Ok::<_, axum::BoxError>(axum::http::Response::new(Full::new(Bytes::new())))
        }
    });
    let answered = RequestDecompression::new(unpack).oneshot(capped).await;
    let outcome = gathered.lock().unwrap_or_else(PoisonError::into_inner).take();
    match outcome {
        Some(Ok(collected)) => Ok(collected),
        Some(Err(Gather::Refused(problem))) => Err(problem),
        Some(Err(_)) if over.load(Ordering::Relaxed) => Err(Problem::body_too_large(limit, None)),
        Some(Err(Gather::Body(error))) if error.is::<LengthLimitError>() => Err(Problem::decoded_body_too_large(limit)),
        Some(Err(Gather::Body(_))) => Err(Problem::unreadable_body()),
        None => {
            drop(answered);
            Err(Problem::unreadable_body())
        }
    }
}

/// A body that ends with an error, and says so beside it, when it is longer than it may be: the decoder in between
/// does not pass on what kind of error it was.
struct Capped {
    body: Body,
    left: u64,
    over: Arc<AtomicBool>,
}

impl HttpBody for Capped {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    self.over.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err("the body is too long".into())));
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{}` in a stored block.
    const GZIP: &[u8] =
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 0, 253, 255, b'{', b'}', 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];

    /// 100 spaces.
    const GZIP_OF_100: &[u8] = &[31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 83, 80, 160, 61, 0, 0, 35, 0, 111, 163, 100, 0, 0, 0];

    fn request(headers: &[(&str, &str)], body: impl Into<Body>) -> Request {
        let mut builder = Request::builder().method("POST").uri("/fits");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(body.into()).expect("valid")
    }

    async fn read(request: Request, limit: u64) -> Result<Bytes, Problem> {
        super::read(request, limit, &Room::new(1 << 20)).await.map(|(bytes, _)| bytes)
    }

    fn code(outcome: Result<Bytes, Problem>) -> String {
        outcome.map_or_else(|problem| format!("{problem:?}"), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    const JSON: (&str, &str) = ("content-type", "application/json");

    #[tokio::test]
    async fn bodies_are_taken_or_refused() {
        let chunked = || Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("12345"), Ok("67890")]));
        let cases = [
            (request(&[JSON], "{}"), "{}"),
            (request(&[("content-type", "application/merge-patch+json; charset=utf-8")], "{}"), "{}"),
            (request(&[], "{}"), "unsupported_media_type"),
            (request(&[("content-type", "text/plain")], "{}"), "unsupported_media_type"),
            (request(&[JSON, ("content-encoding", "lzma")], "{}"), "unsupported_encoding"),
            (request(&[JSON, ("content-encoding", "gzip, gzip")], "{}"), "unsupported_encoding"),
            (request(&[JSON, ("content-encoding", "gzip"), ("content-encoding", "br")], "{}"), "unsupported_encoding"),
            (request(&[JSON, ("content-length", "9")], "123456789"), "body_too_large"),
            (request(&[JSON], chunked()), "body_too_large"),
            (request(&[JSON, ("content-encoding", "gzip")], "not"), "invalid_json"),
        ];
        for (request, expected) in cases {
            let outcome = code(read(request, 8).await);
            assert!(outcome.contains(expected), "{expected}: {outcome}");
        }
    }

    #[tokio::test]
    async fn encoded_bodies_are_limited_before_and_after_decoding() {
        let gzip = || request(&[JSON, ("content-encoding", "gzip")], GZIP);
        assert_eq!(code(read(gzip(), 100).await), "{}");
        assert!(code(read(gzip(), 8).await).contains("\"body_too_large\""));
        let bomb = request(&[JSON, ("content-encoding", "gzip")], GZIP_OF_100);
        assert!(code(read(bomb, 50).await).contains("decoded_body_too_large"));
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_wait_for_room_and_are_refused_when_there_is_none() {
        let room = Room::new(1 << 20);
        let sized = |bytes: usize| request(&[JSON, ("content-length", &bytes.to_string())], "1".repeat(bytes));
        let (_, held) = super::read(sized(100 << 10), 1 << 20, &room).await.expect("there is room");
        let refused = super::read(sized(100 << 10), 1 << 20, &room).await.map(|(bytes, _)| bytes);
        assert!(code(refused).contains("overloaded"));
        let (_, small) = super::read(sized(60 << 10), 1 << 20, &room).await.expect("a small one needs none");
        drop((held, small));
        // Larger than all the room: alone, it is taken.
        assert!(super::read(sized(900 << 10), 1 << 20, &room).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_keeps_nobody_out() {
        let room = Room::new(1 << 20);
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let slow = super::read(request(&[JSON, ("content-length", "1000000")], never), 1 << 20, &room);
        let mut slow = std::pin::pin!(slow);
        assert!(futures_util::poll!(&mut slow).is_pending());
        let body = "1".repeat(100 << 10);
        assert!(super::read(request(&[JSON], body), 1 << 20, &room).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        assert!(code(read(request(&[JSON], never), 8).await).contains("request_timeout"));
    }
}

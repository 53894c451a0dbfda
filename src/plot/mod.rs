//! Pictures of a fit: slices in, SVG or PNG out. Everything that is drawn is handed in, so that this knows nothing of fits,
//! stores or requests.
//!
//! Colours are those of Okabe & Ito, which readers who confuse colours tell apart; lines differ by their strokes as well. A
//! picture has a title and a description for those who do not see it, runs no script and asks for nothing from outside.

mod chart;
mod correlation;
mod fitted;
mod image;
mod loss;
mod path;
mod residuals;
mod surface;
mod text;
mod theme;
mod thin;

#[cfg(test)]
mod tests;

pub use correlation::{Correlation, correlation};
pub use fitted::{Band, Curve, Fitted, fitted};
pub use loss::{Loss, loss};
pub use path::{Path, path};
pub use residuals::{Residuals, residuals};
pub use surface::{Surface, surface};
pub use theme::Theme;

use std::fmt::Write;

use kuva::backend::svg::SvgBackend;
use kuva::render::render::Scene;

/// How an axis is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// By powers of ten where the values call for it.
    #[default]
    Auto,
    /// Evenly.
    Linear,
    /// By powers of ten; values that are not positive are left out.
    Log,
}

/// What a picture looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// The colours.
    pub theme: Theme,
    /// Above the picture, instead of what it is called by itself.
    pub title: Option<String>,
    /// Of the horizontal axis.
    pub x_scale: Scale,
    /// Of the vertical axis.
    pub y_scale: Scale,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 720, height: 480, theme: Theme::Light, title: None, x_scale: Scale::Auto, y_scale: Scale::Auto }
    }
}

/// A drawn picture.
pub struct Picture {
    scene: Scene,
    /// A word that tells it from other pictures on the same page.
    kind: &'static str,
    title: String,
    /// What is to be seen, in words.
    description: String,
}

impl Picture {
    /// What is to be seen, in words.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// As an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let drawn = SvgBackend::new().render_scene(&self.scene);
        let Self { kind, scene, .. } = self;
        let (title, description) = (text::escaped(&self.title), text::escaped(&self.description));
        // The library draws; what a reader needs who does not see it goes into its first element.
        let Some((head, body)) = drawn.split_once('>') else { return drawn };
        let Some(attributes) = head.strip_prefix("<svg ") else { return drawn };
        let body = renamed(body, kind);
        format!(
            "<svg role=\"img\" aria-labelledby=\"{kind}-title {kind}-desc\" viewBox=\"0 0 {} {}\" {attributes}>\
             <title id=\"{kind}-title\">{title}</title><desc id=\"{kind}-desc\">{description}</desc>{body}",
            scene.width, scene.height
        )
    }

    /// As a PNG image, `scale` pixels to a CSS pixel.
    ///
    /// # Errors
    /// When the image cannot be drawn.
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, String> {
        image::png(&self.svg(), scale)
    }
}

/// The library counts the regions that it clips from the start of the process on. Counted within the picture, the same fit
/// gives the same bytes, and pictures on one page have names of their own.
fn renamed(body: &str, kind: &str) -> String {
    const NAME: &str = "kuva-clip-";
    let mut known: Vec<&str> = Vec::new();
    let mut parts = body.split(NAME);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        let place = known.iter().position(|other| *other == number).unwrap_or_else(|| {
            known.push(number);
            known.len() - 1
        });
        let _ = write!(out, "{kind}-clip-{place}{rest}");
    }
    out
}

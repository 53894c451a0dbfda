//! What a picture is to look like, as a query says it.

use super::Format;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::plot::{Look, Scale, Theme};

/// CSS pixels of a side.
const WIDTHS: (u64, u64) = (200, 4_000);
const HEIGHTS: (u64, u64) = (150, 4_000);
/// Letters of a title, at most.
const TITLE_MAX: usize = 200;
/// Pixels of an image to a CSS pixel, at most, and of an image in all.
const SCALE_MAX: f64 = 4.0;
const PIXELS_MAX: f64 = 16e6;
/// What the picture is to look like, and how many pixels of an image are in a CSS pixel.
pub(super) fn asked(query: &mut Query, format: Format) -> Result<(Look, f64), Problem> {
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

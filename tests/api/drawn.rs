//! What can be read off a picture, for the tests that hold it against numbers.

use serde_json::Value;

use crate::app::{Answer, App, id_of};

/// What can be read off an SVG: lines by colour, in pixels, and the numbers beside the axes.
pub(crate) struct Drawn {
    pub(crate) svg: String,
}

/// A straight map from pixels to numbers, through two of the numbers beside an axis.
pub(crate) struct Ruler {
    pub(crate) pixels: [f64; 2],
    pub(crate) numbers: [f64; 2],
    pub(crate) is_log: bool,
}

impl Ruler {
    pub(crate) fn number(&self, pixel: f64) -> f64 {
        let of = |number: f64| if self.is_log { number.log10() } else { number };
        let part = (pixel - self.pixels[0]) / (self.pixels[1] - self.pixels[0]);
        let value = of(self.numbers[0]) + part * (of(self.numbers[1]) - of(self.numbers[0]));
        if self.is_log { 10f64.powf(value) } else { value }
    }

    /// What half a pixel is worth at most.
    pub(crate) fn tolerance(&self, at: f64) -> f64 {
        let per_pixel = (self.numbers[1] - self.numbers[0]).abs() / (self.pixels[1] - self.pixels[0]).abs();
        if self.is_log { 0.02 * at } else { 0.6 * per_pixel }
    }
}

pub(crate) fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

impl Drawn {
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
        let svg = answer.text();
        assert!(svg.starts_with("<svg role=\"img\" aria-labelledby="), "{}", &svg[..200]);
        assert!(svg.contains("<title id=") && svg.contains("<desc id="), "a picture says what it shows");
        assert!(!svg.contains("<script") && !svg.contains("href"), "a picture runs and loads nothing");
        Self { svg }
    }

    pub(crate) fn elements(&self, name: &str) -> impl Iterator<Item = &str> {
        let open = format!("<{name} ");
        self.svg.split('<').map(str::trim_end).filter(move |part| format!("<{part}").starts_with(&open))
    }

    /// The points of the line of this colour.
    pub(crate) fn line(&self, colour: &str) -> Vec<(f64, f64)> {
        let path = self.elements("path").find(|path| attribute(path, "stroke") == Some(colour)).unwrap();
        let numbers: Vec<f64> =
            attribute(path, "d").unwrap().split([' ', ',', 'M', 'L']).filter_map(|n| n.parse().ok()).collect();
        numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// The middles of the points of this colour and size.
    pub(crate) fn points(&self, colour: &str, size: &str) -> Vec<(f64, f64)> {
        let points = self.elements("circle");
        let points = points.filter(|at| attribute(at, "fill") == Some(colour) && attribute(at, "r") == Some(size));
        let number = |at: &str, name: &str| attribute(at, name).unwrap().parse().unwrap();
        points.map(|at| (number(at, "cx"), number(at, "cy"))).collect()
    }

    /// The corners of the diamond in the picture; the first of two, for the other explains it.
    pub(crate) fn optimum(&self) -> (f64, f64) {
        let diamond = self.elements("path").find(|path| attribute(path, "fill") == Some("#1b1b1b")).unwrap();
        let numbers: Vec<f64> =
            attribute(diamond, "d").unwrap().split([' ', ',', 'M', 'L', 'Z']).filter_map(|n| n.parse().ok()).collect();
        (numbers[0], numbers[3])
    }

    /// The numbers that stand beside the upright axis, at their heights.
    pub(crate) fn up(&self) -> Ruler {
        let mut up = self.ruler("end", "y", false);
        // Labels stand a little below the place that they name, all by the same.
        let shift = up.pixels[0] - mark_of(self, up.pixels[0]);
        up.pixels = up.pixels.map(|pixel| pixel - shift);
        up
    }

    pub(crate) fn ruler(&self, anchor: &str, coordinate: &str, is_log: bool) -> Ruler {
        let ticks: Vec<(f64, f64)> = self
            .elements("text")
            .filter(|text| attribute(text, "text-anchor") == Some(anchor))
            .filter_map(|text| {
                let number = text.split_once('>')?.1.parse().ok()?;
                Some((attribute(text, coordinate)?.parse().ok()?, number))
            })
            .collect();
        let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
        Ruler { pixels: [first.0, last.0], numbers: [first.1, last.1], is_log }
    }

    pub(crate) fn across(&self) -> Ruler {
        self.ruler("middle", "x", false)
    }
}

pub(crate) async fn picture(app: &App, fit: &Value, picture: &str) -> Answer {
    app.get(&format!("/fits/{}/plot/{picture}", id_of(fit))).await
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The height of the mark on the axis that belongs to a label.
pub(crate) fn mark_of(drawn: &Drawn, label: f64) -> f64 {
    let heights = drawn.elements("line").filter_map(|line| {
        let at = |name: &str| attribute(line, name)?.parse::<f64>().ok();
        let (length, rise) = (at("x2")? - at("x1")?, at("y2")? - at("y1")?);
        (rise == 0.0 && length < 8.0).then_some(at("y1")?)
    });
    heights.min_by(|a, b| (a - label).abs().total_cmp(&(b - label).abs())).unwrap()
}

pub(crate) fn assert_near(ruler: &Ruler, pixel: f64, expected: f64) {
    let read = ruler.number(pixel);
    assert!((read - expected).abs() <= ruler.tolerance(expected), "{read} is read where {expected} is meant");
}

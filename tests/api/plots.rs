//! Pictures of fits, held against the numbers that they draw.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, App, example, id_of, spawn_app};

/// What can be read off an SVG: lines by colour, in pixels, and the numbers beside the axes.
struct Drawn {
    svg: String,
}

/// A straight map from pixels to numbers, through two of the numbers beside an axis.
struct Ruler {
    pixels: [f64; 2],
    numbers: [f64; 2],
    is_log: bool,
}

impl Ruler {
    fn number(&self, pixel: f64) -> f64 {
        let of = |number: f64| if self.is_log { number.log10() } else { number };
        let part = (pixel - self.pixels[0]) / (self.pixels[1] - self.pixels[0]);
        let value = of(self.numbers[0]) + part * (of(self.numbers[1]) - of(self.numbers[0]));
        if self.is_log { 10f64.powf(value) } else { value }
    }

    /// What half a pixel is worth at most.
    fn tolerance(&self, at: f64) -> f64 {
        let per_pixel = (self.numbers[1] - self.numbers[0]).abs() / (self.pixels[1] - self.pixels[0]).abs();
        if self.is_log { 0.02 * at } else { 0.6 * per_pixel }
    }
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

impl Drawn {
    fn of(answer: &Answer) -> Self {
        assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
        let svg = answer.text();
        assert!(svg.starts_with("<svg role=\"img\" aria-labelledby="), "{}", &svg[..200]);
        assert!(svg.contains("<title id=") && svg.contains("<desc id="), "a picture says what it shows");
        assert!(!svg.contains("<script") && !svg.contains("href"), "a picture runs and loads nothing");
        Self { svg }
    }

    fn elements(&self, name: &str) -> impl Iterator<Item = &str> {
        let open = format!("<{name} ");
        self.svg.split('<').map(str::trim_end).filter(move |part| format!("<{part}").starts_with(&open))
    }

    /// The points of the line of this colour.
    fn line(&self, colour: &str) -> Vec<(f64, f64)> {
        let path = self.elements("path").find(|path| attribute(path, "stroke") == Some(colour)).unwrap();
        let numbers: Vec<f64> =
            attribute(path, "d").unwrap().split([' ', ',', 'M', 'L']).filter_map(|n| n.parse().ok()).collect();
        numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect()
    }

    fn ruler(&self, anchor: &str, coordinate: &str, is_log: bool) -> Ruler {
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

    fn across(&self) -> Ruler {
        self.ruler("middle", "x", false)
    }
}

async fn picture(app: &App, fit: &Value, picture: &str) -> Answer {
    app.get(&format!("/fits/{}/plot/{picture}", id_of(fit))).await
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_the_loss_is_the_history() {
    let app = spawn_app().await;
    let fit = app.fitted(&example("line")).await;
    let history = app.history(&id_of(&fit), "").await.expect(200).json();
    for (query, is_log) in [("y_scale=linear", false), ("y_scale=log", true)] {
        let drawn = Drawn::of(&picture(&app, &fit, &format!("loss.svg?{query}")).await.expect(200));
        let (line, across) = (drawn.line("#0072b2"), drawn.across());
        let losses = numbers(&history["loss"]);
        assert_eq!(line.len(), losses.len());
        // Labels stand a little below the place that they name, all by the same.
        let up = drawn.ruler("end", "y", is_log);
        let shift = up.pixels[0] - mark_of(&drawn, up.pixels[0]);
        for (iteration, (at, loss)) in line.iter().zip(&losses).enumerate() {
            assert!((across.number(at.0) - iteration as f64).abs() <= across.tolerance(1.0), "{query}, {iteration}");
            let read = up.number(at.1 + shift);
            assert!((read - loss).abs() <= up.tolerance(*loss).max(1e-9), "{query}, {iteration}: {read} and {loss}");
        }
    }
}

/// The height of the mark on the axis that belongs to a label.
fn mark_of(drawn: &Drawn, label: f64) -> f64 {
    let heights = drawn.elements("line").filter_map(|line| {
        let at = |name: &str| attribute(line, name)?.parse::<f64>().ok();
        let (length, rise) = (at("x2")? - at("x1")?, at("y2")? - at("y1")?);
        (rise == 0.0 && length < 8.0).then_some(at("y1")?)
    });
    heights.min_by(|a, b| (a - label).abs().total_cmp(&(b - label).abs())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_ends_at_the_coefficients() {
    let app = spawn_app().await;
    let fit = app.fitted(&example("line")).await;
    let drawn = Drawn::of(&picture(&app, &fit, "path.svg").await.expect(200));
    let history = app.history(&id_of(&fit), "").await.expect(200).json();
    let up = drawn.ruler("end", "y", false);
    let shift = up.pixels[0] - mark_of(&drawn, up.pixels[0]);
    for (name, colour) in [("x", "#0072b2"), ("intercept", "#d55e00")] {
        let (line, values) = (drawn.line(colour), numbers(&history["coefficients"][name]));
        assert_eq!(line.len(), values.len(), "{name}");
        for (at, value) in line.iter().zip(&values) {
            let read = up.number(at.1 + shift);
            assert!((read - value).abs() <= up.tolerance(*value), "{name}: {read} and {value}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cells_of_the_correlation_hold_its_numbers() {
    let app = spawn_app().await;
    let mut body = example("line");
    body["optimizer"] = json!({"kind": "auto"});
    body.as_object_mut().unwrap().remove("stop");
    let fit = app.fitted(&body).await;
    let drawn = Drawn::of(&picture(&app, &fit, "correlation.svg?theme=dark").await.expect(200));
    let expected = fit["result"]["correlation"][0][1].as_f64().unwrap();
    assert!(drawn.svg.contains(&format!(">{expected:.2}</text>")), "{expected} is in no cell");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_images_too_and_unchanged_ones_are_not_sent_again() {
    let app = spawn_app().await;
    let fit = app.fitted(&example("line")).await;
    assert_eq!(fit["links"]["plots"]["loss"], format!("/fits/{}/plot/loss.svg", id_of(&fit)));
    let image = picture(&app, &fit, "loss.png?width=300&height=200&scale=2").await.expect(200);
    assert_eq!(image.header("content-type"), Some("image/png"));
    let side = |at: usize| u32::from_be_bytes(image.body[at..at + 4].try_into().unwrap());
    assert_eq!((&image.body[1..4], side(16), side(20)), (&b"PNG"[..], 600, 400));
    let first = picture(&app, &fit, "path.svg").await.expect(200);
    let tag = first.header("etag").unwrap().to_owned();
    let path = format!("/fits/{}/plot/path.svg", id_of(&fit));
    let again = app.send(app.request(Method::GET, &path).header("if-none-match", &tag)).await.expect(304);
    assert!(again.body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_drawn_is_said() {
    let app = spawn_app().await;
    let fit = app.fitted(&example("line")).await;
    for query in ["width=10", "height=9000", "theme=pink", "x_scale=cube", "colour=red", "scale=5"] {
        let answer = picture(&app, &fit, &format!("loss.svg?{query}")).await;
        assert_eq!(answer.problem(400), "invalid_query", "{query}");
    }
    for query in ["scale=0.5", "scale=nan", "scale=4&width=4000&height=4000"] {
        let answer = picture(&app, &fit, &format!("loss.png?{query}")).await;
        assert_eq!(answer.problem(400), "invalid_query", "{query}");
    }
    assert_eq!(picture(&app, &fit, "loss.gif").await.problem(404), "not_found");
    assert_eq!(picture(&app, &fit, "beauty.svg").await.problem(404), "not_found");
    let unknown = app.get("/fits/01936f2c-8a51-7c3e-9d40-5b1c2f7e9a10/plot/loss.svg").await;
    assert_eq!(unknown.problem(404), "unknown_fit");
    let mut body = example("line");
    body["optimizer"]["learning_rate"] = json!(10);
    let failed = app.fitted(&body).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(picture(&app, &failed, "loss.svg").await.problem(409), "fit_failed");
}

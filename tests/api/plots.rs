//! Pictures of fits, held against the numbers that they draw.

use reqwest::Method;
use serde_json::json;

use crate::app::{example, id_of, spawn_app};
use crate::drawn::{Drawn, assert_near, attribute, mark_of, numbers, picture};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_curve_and_its_band_are_the_predictions() {
    let app = spawn_app().await;
    for name in ["line_auto", "decay", "classes"] {
        let body = example(name);
        let fit = app.fitted(&body).await;
        let feature = if name == "classes" { "hours" } else { "x" };
        let target = if name == "classes" { "outcome" } else { "y" };
        let drawn = Drawn::of(&picture(&app, &fit, "fit.svg").await.expect(200));
        let (across, up) = (drawn.across(), drawn.up());
        let (xs, ys) = (numbers(&body["data"][feature]), &body["data"][target]);
        let points = drawn.points("#5c5c5c", "2.6");
        assert_eq!(points.len(), xs.len(), "{name}");
        for (at, (x, y)) in points.iter().zip(xs.iter().zip(ys.as_array().unwrap())) {
            assert_near(&across, at.0, *x);
            // Of two classes the second one is 1.
            assert_near(&up, at.1, y.as_f64().unwrap_or_else(|| f64::from(u8::from(y == "pass"))));
        }
        let line = drawn.line("#0072b2");
        let places: Vec<f64> = line.iter().map(|at| across.number(at.0)).collect();
        let body = json!({"data": {feature: places}, "interval": 0.95});
        let found = app.predict(&id_of(&fit), &body).await.expect(200).json();
        let means: Vec<f64> = match found["probabilities"].as_array() {
            Some(rows) => rows.iter().map(|row| row[1].as_f64().unwrap()).collect(),
            None => numbers(&found["predictions"]),
        };
        assert!(line.len() > 200, "{name}");
        // Where the line is steep, half a pixel across is more than that upwards.
        let near = |at: (f64, f64), expected: f64, other: f64| {
            let read = up.number(at.1);
            let steep = (other - expected).abs();
            assert!((read - expected).abs() <= up.tolerance(expected) + steep, "{name}: {read} is not {expected}");
        };
        for (row, at) in line.iter().enumerate() {
            near(*at, means[row], means[row.max(1) - 1]);
        }
        // The band is one outline: along its upper side, and back along the lower one.
        let outline = drawn.elements("path").find(|path| attribute(path, "fill") == Some("#0072b2")).unwrap();
        let numbers_of =
            |text: &str| -> Vec<f64> { text.split([' ', 'M', 'L', 'Z']).filter_map(|n| n.parse().ok()).collect() };
        let outline: Vec<(f64, f64)> =
            numbers_of(attribute(outline, "d").unwrap()).chunks(2).map(|pair| (pair[0], pair[1])).collect();
        assert_eq!(outline.len(), 2 * line.len(), "{name}");
        let (lower, upper) = (numbers(&found["confidence"]["lower"]), numbers(&found["confidence"]["upper"]));
        for row in 0..line.len() {
            let back = outline[outline.len() - 1 - row];
            let (low, high) = if outline[row].1 > back.1 { (outline[row], back) } else { (back, outline[row]) };
            near(low, lower[row], lower[row.max(1) - 1]);
            near(high, upper[row], upper[row.max(1) - 1]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_features_are_seen_as_predicted_against_actual() {
    let app = spawn_app().await;
    let (a, b): (Vec<f64>, Vec<f64>) = (0..30).map(|k| (f64::from(k % 7), f64::from(k * k % 11))).unzip();
    let y: Vec<f64> = a.iter().zip(&b).enumerate().map(|(k, (a, b))| 2.0 * a - b + 0.1 * (k % 3) as f64).collect();
    let body = json!({"data": {"a": a, "b": b, "y": y}, "model": {"kind": "linear", "target": "y"}});
    let fit = app.fitted(&body).await;
    let drawn = Drawn::of(&picture(&app, &fit, "fit.svg").await.expect(200));
    let found = app.predict(&id_of(&fit), &json!({"data": body["data"]})).await.expect(200).json();
    let (across, up) = (drawn.across(), drawn.up());
    let points = drawn.points("#5c5c5c", "2.6");
    assert_eq!(points.len(), y.len());
    for (at, (predicted, actual)) in points.iter().zip(numbers(&found["predictions"]).iter().zip(&y)) {
        assert_near(&across, at.0, *predicted);
        assert_near(&up, at.1, *actual);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn residuals_are_of_the_rows_that_take_part() {
    let app = spawn_app().await;
    let mut body = example("line_auto");
    let (xs, ys) = (numbers(&body["data"]["x"]), numbers(&body["data"]["y"]));
    body["validation"] = json!({"last_rows": 20});
    let fit = app.fitted(&body).await;
    let drawn = Drawn::of(&picture(&app, &fit, "residuals.svg").await.expect(200));
    let found = app.predict(&id_of(&fit), &json!({"data": body["data"]})).await.expect(200).json();
    let fitted = &numbers(&found["predictions"])[..xs.len() - 20];
    let residuals: Vec<f64> = fitted.iter().zip(&ys).map(|(fitted, y)| y - fitted).collect();
    let points = drawn.points("#5c5c5c", "2.6");
    assert_eq!(points.len(), residuals.len());
    // Pixels are a straight map of the numbers: what two far points say of it holds for all.
    let check = |pixels: &[f64], values: &[f64]| {
        let by = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let low = (0..values.len()).min_by(by).unwrap();
        let high = (0..values.len()).max_by(by).unwrap();
        let pixel = (pixels[high] - pixels[low]) / (values[high] - values[low]);
        assert!(pixel.abs() > 10.0 / (values[high] - values[low]), "the points are spread");
        for (at, value) in pixels.iter().zip(values) {
            assert!((pixels[low] + pixel * (value - values[low]) - at).abs() < 0.6, "{value} is at {at}");
        }
    };
    let (across, up): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
    check(&across, fitted);
    check(&up, &residuals);
    // Beside it the same residuals in order.
    let mut sorted = residuals;
    sorted.sort_by(f64::total_cmp);
    let (across, up): (Vec<f64>, Vec<f64>) = drawn.points("#0072b2", "2.6").into_iter().unzip();
    check(&up, &sorted);
    assert!(across.is_sorted());
    let (middle, last) = (sorted.len() / 2, sorted.len() - 1);
    assert!((across[0] + across[last] - across[middle] - across[last - middle]).abs() < 1.0, "quantiles are symmetric");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_fit_is_seen_as_far_as_it_is() {
    let app = spawn_app().await;
    // No sums of rows say the Huber loss, so each step passes over all of them.
    let x: Vec<f64> = (0..20_000).map(|row| f64::from(row) / 1e3).collect();
    let y: Vec<f64> = (0..20_000).map(|row| f64::from(3 * row) / 1e3 + f64::from(row % 7)).collect();
    let mut body = json!({
        "data": {"x": x, "y": y},
        "model": "linear",
        "loss": "huber",
        "optimizer": {"kind": "gradient_descent", "learning_rate": 1e-9},
        "stop": {"max_iterations": 10_000_000, "gradient_tolerance": 0, "loss_tolerance": 0},
        "history": {"coefficients": true},
    });
    let id = app.started(&body).await;
    let mut events = app.events(&id, None).await;
    while events.next().await.unwrap().kind != "progress" {}
    let fit = json!({"id": id});
    for name in ["fit.svg", "residuals.svg", "surface.png", "loss.svg", "path.svg"] {
        picture(&app, &fit, name).await.expect(200);
    }
    assert_eq!(picture(&app, &fit, "correlation.svg").await.problem(409), "fit_not_finished");
    app.cancel(&id).await;
    body["history"] = json!({"coefficients": false});
    let id = app.started(&body).await;
    let mut events = app.events(&id, None).await;
    while events.next().await.unwrap().kind != "progress" {}
    assert_eq!(picture(&app, &json!({"id": id}), "fit.svg").await.problem(404), "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pictures_of_the_readme_are_what_the_service_draws() {
    let app = spawn_app().await;
    for (name, drawn) in [("line", "surface.svg"), ("decay", "fit.svg"), ("stopping_early", "loss.svg?y_scale=log")] {
        let fit = app.fitted(&example(name)).await;
        let found = picture(&app, &fit, drawn).await.expect(200).body;
        let (file, _) = drawn.split_once('?').unwrap_or((drawn, ""));
        let path = format!("{}/docs/pictures/{file}", env!("CARGO_MANIFEST_DIR"));
        // To write them again, say so.
        if std::env::var_os("FITD_WRITE_PICTURES").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == found, "{path} is not what is drawn now");
    }
}

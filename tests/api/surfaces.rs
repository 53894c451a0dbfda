//! Error surfaces, held against the loss over the data.

use serde_json::{Value, json};

use crate::app::{example, id_of, spawn_app};
use crate::drawn::{Drawn, assert_near, attribute, numbers, picture};

#[tokio::test(flavor = "multi_thread")]
async fn the_surface_is_that_of_the_loss_and_the_descent_is_on_it() {
    let app = spawn_app().await;
    let body = example("line");
    let fit = app.fitted(&body).await;
    let drawn = Drawn::of(&picture(&app, &fit, "surface.svg").await.expect(200));
    let (across, up) = (drawn.across(), drawn.up());
    let history = app.history(&id_of(&fit), "").await.expect(200).json();
    let way = ["x", "intercept"].map(|name| numbers(&history["coefficients"][name]));
    let line = drawn.line("#d55e00");
    assert_eq!(line.len(), way[0].len());
    for (row, at) in line.iter().enumerate() {
        assert_near(&across, at.0, way[0][row]);
        assert_near(&up, at.1, way[1][row]);
    }
    let start = drawn.points("#d55e00", "5.5")[0];
    assert_near(&across, start.0, -8.0);
    assert_near(&up, start.1, -8.0);
    // The descent has not arrived, but the optimum of a line is known.
    let optimum = drawn.optimum();
    let known = &fit["result"]["optimum"]["coefficients"];
    assert_near(&across, optimum.0, known["x"].as_f64().unwrap());
    assert_near(&up, optimum.1, known["intercept"].as_f64().unwrap());
    // Along a contour the mean squared error is the same.
    let (xs, ys) = (numbers(&body["data"]["x"]), numbers(&body["data"]["y"]));
    let loss = |slope: f64, intercept: f64| {
        let errors = xs.iter().zip(&ys).map(|(x, y)| (slope * x + intercept - y).powi(2));
        errors.sum::<f64>() / xs.len() as f64
    };
    let contours: Vec<&str> = drawn
        .elements("path")
        .filter(|path| attribute(path, "stroke") == Some("#5c5c5c"))
        .map(|path| attribute(path, "d").unwrap())
        .filter(|path| path.matches('L').count() > 3)
        .collect();
    assert!(contours.len() > 8, "{} contours", contours.len());
    let mut levels = Vec::new();
    for contour in contours {
        let numbers: Vec<f64> = contour.split([' ', 'M', 'L']).filter_map(|n| n.parse().ok()).collect();
        let losses = numbers.chunks(2).map(|at| loss(across.number(at[0]), up.number(at[1]))).map(f64::sqrt);
        let (low, high) = losses.fold((f64::INFINITY, 0.0_f64), |(low, high), root| (low.min(root), high.max(root)));
        levels.push((low, high));
    }
    let span = levels.last().unwrap().1 - levels[0].0;
    for pair in levels.windows(2) {
        assert!(pair[0].1 < pair[1].0, "each contour is above the one before: {pair:?}");
    }
    assert!(levels.iter().all(|(low, high)| high - low < 0.01 * span), "{levels:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surface_is_over_any_two_parameters() {
    let app = spawn_app().await;
    let fit = app.fitted(&example("cubic")).await;
    let named = |picture: &str| format!("surface.svg?{picture}");
    let drawn = Drawn::of(&picture(&app, &fit, &named("x=intercept&y=x%5E2")).await.expect(200));
    assert!(drawn.svg.contains("Contours of the loss over intercept and x^2, "), "{}", &drawn.svg[..400]);
    let drawn = Drawn::of(&picture(&app, &fit, &named("y=x")).await.expect(200));
    assert!(drawn.svg.contains("Contours of the loss over x^2 and x, "), "{}", &drawn.svg[..400]);
    assert_eq!(picture(&app, &fit, &named("x=beauty")).await.problem(400), "invalid_query");
    assert_eq!(picture(&app, &fit, &named("x=x&y=x")).await.problem(404), "not_found");
    let body = json!({
        "data": {"x": [1, 2, 3], "y": [2, 4, 7]}, "model": {"kind": "linear", "target": "y", "intercept": false}
    });
    assert_eq!(picture(&app, &app.fitted(&body).await, "surface.svg").await.problem(404), "not_found");
    let body = json!({
        "data": {"x": [1, 2, 3, 4, 5, 6], "y": ["a", "b", "c", "a", "b", "c"]}, "model": {"kind": "softmax", "target": "y"},
        "penalty": {"l2": 0.1}
    });
    let classes = app.fitted(&body).await;
    assert_eq!(picture(&app, &classes, "fit.svg").await.problem(404), "not_found");
    picture(&app, &classes, "surface.svg").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lowest_place_of_a_surface_is_where_the_fit_has_ended() {
    let app = spawn_app().await;
    let ridge = json!({"penalty": {"l2": 0.3}});
    let robust = json!({"loss": "huber", "weights": {"column": "w"}});
    let none = json!({});
    for (name, change) in [
        ("line_auto", &none),
        ("line_auto", &ridge),
        ("line_auto", &robust),
        ("cubic_auto", &none),
        ("classes", &none),
        ("classes", &ridge),
        ("counts", &none),
        ("decay", &none),
        ("decay", &ridge),
        ("decay", &robust),
        ("peaks", &none),
    ] {
        let mut body = example(name);
        let rows = body["data"].as_object().unwrap().values().next().unwrap().as_array().unwrap().len();
        if change.get("weights").is_some() {
            body["data"]["w"] = (0..rows).map(|row| (row % 4) as f64).collect();
        }
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        // Without a way the optimum is in the middle of what is seen.
        body["history"] = json!({"coefficients": false});
        let fit = app.fitted(&body).await;
        assert_eq!(fit["result"]["converged"], true, "{name} {change}");
        let svg = picture(&app, &fit, "surface.svg").await.expect(200).text();
        let of = if change.get("penalty").is_some() { "objective" } else { "loss" };
        assert!(svg.contains(&format!("Contours of the {of} over ")), "{name} {change}");
        let (_, rest) = svg.split_once("fit has them: from ").unwrap();
        let lowest: f64 = rest.split_once(" to ").unwrap().0.parse().unwrap();
        let objective = fit["result"]["objective"].as_f64().unwrap();
        assert!((lowest / objective - 1.0).abs() < 2e-3, "{name} {change}: {lowest} is not {objective}");
    }
}

/// Rows that lie around a line, or fall into classes along it, by a rule that gives the same ones each time.
fn many_rows(rows: u32, is_classes: bool) -> Value {
    let unit = |k: u32, by: f64| (f64::from(k) * by).fract();
    let noise = |k: u32| unit(k, 0.754_877_666) + unit(k, 0.569_840_291) + unit(k, 0.438_579_021) - 1.5;
    let x: Vec<f64> = (0..rows).map(|k| 20.0 * unit(k, 0.618_033_989) - 10.0).collect();
    let y = x.iter().zip(0..).map(|(x, k)| match is_classes {
        true => json!(if 0.4 * x + 3.0 * noise(k) > 0.5 { "b" } else { "a" }),
        false => json!(5.0 * x + 3.0 + 2.0 * noise(k)),
    });
    let y: Vec<Value> = y.collect();
    json!({"x": x, "y": y})
}

/// The least and the largest value of a surface, as it is described.
fn described(drawn: &Drawn) -> [f64; 2] {
    let (_, rest) = drawn.svg.split_once("fit has them: from ").unwrap();
    let (lowest, rest) = rest.split_once(" to ").unwrap();
    [lowest, rest.split_once(". ").unwrap().0].map(|number| number.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surface_of_some_of_many_rows_is_as_high_as_all_where_the_fit_is() {
    let app = spawn_app().await;
    let mut data = many_rows(60_000, false);
    // The rows that the surface is made of are unlike the others.
    data["y"].as_array_mut().unwrap().iter_mut().step_by(15).for_each(|y| *y = json!(1_000.0));
    for penalty in [json!({}), json!({"l2": 0.5})] {
        // So near to the start everything is as high as it is there.
        let fit = app
            .fitted(&json!({
                "data": data, "model": {"kind": "linear", "target": "y"}, "loss": "huber", "penalty": penalty,
                "optimizer": {"kind": "gradient_descent", "learning_rate": 1e-12}, "stop": {"max_iterations": 2},
                "start": {"x": 1e-4, "intercept": 1e-4}
            }))
            .await;
        let drawn = Drawn::of(&picture(&app, &fit, "surface.svg").await.expect(200));
        assert!(drawn.svg.contains("computed from one of 15 rows."));
        let objective = fit["result"]["objective"].as_f64().unwrap();
        let near = described(&drawn).map(|value| (value / objective - 1.0).abs());
        assert!(near.iter().all(|part| *part < 2e-3), "{:?} is not {objective}", described(&drawn));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surface_of_some_of_many_rows_is_lowest_where_all_rows_say() {
    let app = spawn_app().await;
    let textbook = json!({
        "optimizer": {"kind": "gradient_descent", "learning_rate": 0.01}, "stop": {"max_iterations": 20},
        "start": {"x": -8, "intercept": -8}, "history": {"coefficients": true}
    });
    let cases = [
        ("linear", json!({})),
        ("linear", json!({"loss": "huber"})),
        ("linear", textbook),
        ("logistic", json!({})),
        ("logistic", json!({"penalty": {"l2": 0.01}})),
    ];
    for (model, changes) in cases {
        let mut body = json!({"data": many_rows(60_000, model == "logistic"), "model": {"kind": model, "target": "y"}});
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        let fit = app.fitted(&body).await;
        let drawn = Drawn::of(&picture(&app, &fit, "surface.svg").await.expect(200));
        assert!(drawn.svg.contains("computed from one of 15 rows."), "{model} {changes}");
        let result = &fit["result"];
        let objective = match result["converged"].as_bool().unwrap() {
            true => result["objective"].as_f64().unwrap(),
            false => result["optimum"]["loss"].as_f64().unwrap(),
        };
        let [lowest, highest] = described(&drawn);
        // No place of the grid need be the optimum itself.
        let near = 1e-3 * objective + 1e-4 * (highest - objective);
        assert!((lowest - objective).abs() < near, "{model} {changes}: {lowest} is not {objective}");
        // The innermost contour is around the optimum: its middle is there, to a fortieth of the picture.
        let contours = drawn.elements("path").filter(|path| attribute(path, "stroke") == Some("#5c5c5c"));
        let innermost = contours.map(|path| attribute(path, "d").unwrap()).find(|path| path.len() > 40).unwrap();
        let ends = |places: Vec<f64>| {
            let (low, high) =
                places.iter().fold((f64::INFINITY, 0.0_f64), |ends, at| (ends.0.min(*at), ends.1.max(*at)));
            0.5 * (low + high)
        };
        let numbers: Vec<f64> = innermost.split([' ', 'M', 'L']).filter_map(|n| n.parse().ok()).collect();
        let (across, up): (Vec<f64>, Vec<f64>) = numbers.chunks(2).map(|at| (at[0], at[1])).unzip();
        let (middle, optimum) = ((ends(across), ends(up)), drawn.optimum());
        // That of a valley goes on above the picture.
        let is_ring = changes.get("start").is_none();
        let apart = (middle.0 - optimum.0).abs().max(if is_ring { (middle.1 - optimum.1).abs() } else { 0.0 });
        assert!(apart < 18.0, "{model} {changes}: {middle:?} is not {optimum:?}");
    }
}

//! The runs of docs/TOUR.md: what the document says of them, and that each figure in it is the one answered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::app::{App, example, id_of, spawn_app};
use crate::tutorial::merge;

const TOUR: &str = include_str!("../../docs/TOUR.md");

/// One line of the document's tables.
#[derive(Debug)]
struct Figure {
    run: String,
    place: String,
    seen: String,
}

fn figures() -> Vec<Figure> {
    let cells = |line: &str| -> Option<Figure> {
        let cells: Vec<_> = line.strip_prefix("| `")?.strip_suffix("` |")?.split("` | `").map(str::to_owned).collect();
        let [run, place, seen] = cells.try_into().unwrap_or_else(|_| panic!("no run, place and figure: {line}"));
        Some(Figure { run, place, seen })
    };
    TOUR.lines().filter_map(cells).collect()
}

/// The examples that the document's commands post.
fn posted() -> BTreeSet<String> {
    let names = TOUR.split("--data @examples/").skip(1).filter_map(|rest| rest.split(".json ").next());
    names.map(str::to_owned).collect()
}

/// A quoted span such as `loss 0.268`, as the field's name and the figure.
fn quoted(span: &str) -> Option<(&str, &str)> {
    let (name, figure) = span.rsplit_once(' ')?;
    let is_name = name.chars().all(|one| one.is_ascii_lowercase() || one == '_');
    (is_name && figure.parse::<f64>().is_ok()).then_some((name, figure))
}

/// What was answered, as precisely as the figure beside it is written.
fn written(answered: &Value, seen: &str) -> String {
    match answered {
        Value::Number(number) => {
            let decimals = seen.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            let value = number.as_f64().unwrap();
            assert!(decimals > 0 || value.fract() == 0.0, "{value} is no whole number");
            format!("{value:.decimals$}")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The history's columns, which have one number an iteration.
async fn column(app: &App, fit: &Value, name: &str) -> Vec<f64> {
    let history = app.history(&id_of(fit), "").await.expect(200).json();
    history[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// The first iteration whose loss is at most `loss`.
async fn first_at(app: &App, fit: &Value, loss: f64) -> u64 {
    let losses = column(app, fit, "loss").await;
    losses.iter().position(|one| *one <= loss).expect("the loss should be reached") as u64
}

async fn run(app: &App, name: &str) -> Value {
    app.fitted(&example(name)).await
}

/// The number there, `/` between the names.
#[track_caller]
fn number(fit: &Value, place: &str) -> f64 {
    fit.pointer(place).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at {place}: {fit}"))
}

#[test]
fn the_document_has_a_command_for_each_run_and_the_examples_a_line() {
    let listed = include_str!("../../examples/README.md");
    let tabled: BTreeSet<_> = figures().into_iter().map(|figure| figure.run).collect();
    assert_eq!(tabled, posted());
    for name in posted() {
        assert!(listed.contains(&format!("`{name}.json`")), "examples/README.md does not list {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_figure_of_the_document_is_the_one_answered() {
    let app = spawn_app().await;
    let mut fits = BTreeMap::new();
    for name in posted() {
        fits.insert(name.clone(), run(&app, &name).await);
    }
    let figures = figures();
    assert!(figures.len() > 40, "{} figures", figures.len());
    for Figure { run, place, seen } in &figures {
        let fit = &fits[run];
        let answered = match place.strip_prefix("first at loss ") {
            Some(loss) => json!(first_at(&app, fit, loss.parse().unwrap()).await),
            None => fit[place.split('.').next().unwrap()].clone(),
        };
        let rest = place.split_once('.').filter(|_| !place.contains(' ')).map(|(_, rest)| rest);
        let pointer = rest.map_or(String::new(), |rest| format!("/{}", rest.replace('.', "/")));
        let answered = answered.pointer(&pointer).unwrap_or_else(|| panic!("{run} has no {place}: {fit}"));
        assert_eq!(written(answered, seen), *seen, "{run}: {place} is {answered}");
    }
    // What the text repeats stands in a table.
    let tabled: BTreeSet<_> =
        figures.iter().map(|one| (one.place.rsplit('.').next().unwrap(), one.seen.as_str())).collect();
    let prose = TOUR.lines().filter(|line| !line.starts_with('|')).collect::<Vec<_>>().join(" ").replace("```", "");
    let repeated: Vec<_> = prose.split('`').skip(1).step_by(2).filter_map(quoted).collect();
    assert!(repeated.len() > 12, "{repeated:?}");
    for one in repeated {
        assert!(tabled.contains(&one), "{one:?} is in no table");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_rate_is_slow_a_good_one_arrives_and_the_advice_for_a_large_one_works() {
    let app = spawn_app().await;
    let (small, good, large) =
        (run(&app, "rate_small").await, run(&app, "rate_good").await, run(&app, "rate_large").await);
    let best = number(&good, "/result/optimum/loss");
    assert_eq!(small["result"]["iterations"], good["result"]["iterations"]);
    assert!(number(&small, "/result/loss") > 10.0 * best, "{small}");
    assert!(number(&good, "/result/optimum/gap") < 1e-6 * best, "{good}");

    let error = &large["error"];
    assert_eq!((&large["status"], &error["code"]), (&json!("failed"), &json!("diverged")));
    let bound = number(&large, "/error/max_stable_learning_rate");
    assert!(0.02 < bound && bound < 0.03, "{bound}");
    assert!(number(&large, "/error/loss") > 1e6 * column(&app, &large, "loss").await[0], "{large}");
    let mut better = example("rate_large");
    merge(&mut better, &error["suggestion"]);
    let better = app.fitted(&better).await;
    assert_eq!((&better["status"], &better["result"]["converged"]), (&json!("succeeded"), &json!(true)));
    assert!(number(&better, "/result/loss") - best < 1e-9, "{better}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_start_costs_iterations_but_leads_to_the_same_bottom() {
    let app = spawn_app().await;
    let (far, near) = (run(&app, "start_far").await, run(&app, "start_near").await);
    assert!(first_at(&app, &near, 1.21).await < first_at(&app, &far, 1.21).await);
    assert!(number(&near, "/result/iterations") < number(&far, "/result/iterations"));
    for name in ["x", "intercept"] {
        let place = format!("/result/coefficients/{name}");
        assert!((number(&far, &place) - number(&near, &place)).abs() < 1e-5, "{far}\n{near}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn momentum_needs_fewer_iterations_and_nesterovs_fewer_still() {
    let app = spawn_app().await;
    let mut needed = Vec::new();
    let mut rises = Vec::new();
    for name in ["momentum_off", "momentum_on", "momentum_nesterov"] {
        let fit = run(&app, name).await;
        assert_eq!(fit["result"]["stop_reason"], "gradient_tolerance", "{name}");
        assert_eq!(fit["spec"]["optimizer"]["learning_rate"], 0.03, "{name}");
        needed.push((first_at(&app, &fit, 8.7).await, fit["result"]["iterations"].as_u64().unwrap()));
        rises.push(column(&app, &fit, "loss").await.windows(2).filter(|pair| pair[1] > pair[0]).count());
    }
    assert!(needed.is_sorted_by(|one, next| one.0 > next.0 && one.1 > next.1), "{needed:?}");
    assert!(rises[0] == 0 && rises[2] < rises[1], "{rises:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn early_stopping_gives_back_the_best_iterate_which_does_better_on_what_it_has_not_seen() {
    let app = spawn_app().await;
    let (late, early) = (run(&app, "stopping_late").await, run(&app, "stopping_early").await);
    assert_eq!(early["result"]["stop_reason"], "validation_stopped_improving");
    let best = number(&early, "/result/validation/best_iteration");
    assert_eq!(number(&early, "/result/iterations") as u64, best as u64 + 200, "the patience is 200");
    let validation = number(&early, "/result/validation/loss");
    assert!(validation < number(&late, "/result/validation/loss"), "{early}\n{late}");
    assert!(number(&early, "/result/loss") > number(&late, "/result/loss"), "{early}\n{late}");

    let judged = column(&app, &early, "validation_loss").await;
    let least = judged.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(judged[best as usize].to_bits(), least.to_bits());
    assert!((validation - least).abs() <= 1e-12 * least, "{validation} is not {least}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_starts_find_a_lower_minimum_than_the_one_that_a_single_start_ends_in() {
    let app = spawn_app().await;
    let (local, best) = (run(&app, "minimum_local").await, run(&app, "minimum_restarts").await);
    assert_eq!((&local["result"]["converged"], &best["result"]["converged"]), (&json!(true), &json!(true)));
    assert!(number(&best, "/result/objective") < 0.8 * number(&local, "/result/objective"), "{local}\n{best}");
    assert!((number(&best, "/result/coefficients/x") - 2.0).abs() < 0.1, "{best}");
    assert!((number(&local, "/result/coefficients/x") + 2.0).abs() < 0.2, "{local}");

    let minima = best["result"]["minima"].as_array().unwrap();
    let starts: f64 = minima.iter().map(|one| number(one, "/starts")).sum();
    assert!((minima.len(), starts) == (2, 16.0) && minima.iter().all(|one| one["converged"] == true), "{minima:?}");
    for (minimum, fit) in minima.iter().zip([&best, &local]) {
        let (found, expected) = (number(minimum, "/objective"), number(fit, "/result/objective"));
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn classes_by_their_names_and_counts_by_their_logarithm() {
    let app = spawn_app().await;
    let fit = run(&app, "classes").await;
    assert_eq!(fit["result"]["classes"], json!(["fail", "pass"]));
    let even = -number(&fit, "/result/coefficients/intercept") / number(&fit, "/result/coefficients/hours");
    assert_eq!(format!("{even:.2}"), "4.66");
    let hours = json!({"data": {"hours": [even - 1.0, even + 1.0]}});
    let answer = app.predict(&id_of(&fit), &hours).await.expect(200).json();
    assert_eq!(answer["predictions"], json!(["fail", "pass"]), "{answer}");

    let fit = run(&app, "counts").await;
    assert_eq!(format!("{:.2}", number(&fit, "/result/coefficients/x").exp()), "1.57");
    for (parameter, made_with) in [0.4, 0.5].into_iter().enumerate() {
        let end = |which: usize| number(&fit, &format!("/result/parameters/{parameter}/confidence_interval/{which}"));
        assert!(end(0) < made_with && made_with < end(1), "{fit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curve_comes_to_what_its_data_was_made_with_and_has_bands() {
    let app = spawn_app().await;
    let fit = run(&app, "decay").await;
    for (parameter, made_with) in [5.0, 0.7, 1.0].into_iter().enumerate() {
        let end = |which: usize| number(&fit, &format!("/result/parameters/{parameter}/confidence_interval/{which}"));
        assert!(end(0) < made_with && made_with < end(1), "{fit}");
    }
    let body = json!({"data": {"x": [2, 20]}, "interval": 0.95});
    let answer = app.predict(&id_of(&fit), &body).await.expect(200).json();
    let prose = TOUR.split_whitespace().collect::<Vec<_>>().join(" ");
    let bands = [["2.234", "2.162 to 2.305", "1.971 to 2.496"], ["0.995", "0.925 to 1.064", "0.733 to 1.257"]];
    for (row, told) in bands.into_iter().enumerate() {
        let at = |place: &str| number(&answer, &format!("{place}/{row}"));
        let band = |name: &str| format!("{:.3} to {:.3}", at(&format!("/{name}/lower")), at(&format!("/{name}/upper")));
        assert_eq!([format!("{:.3}", at("/predictions")), band("confidence"), band("prediction")], told);
        assert!(told.iter().all(|figure| prose.contains(*figure)), "{told:?}");
    }

    let (free, tied) = (run(&app, "peaks").await, run(&app, "peaks_tied").await);
    let error = |fit: &Value, parameter: usize| number(fit, &format!("/result/parameters/{parameter}/standard_error"));
    assert!((0..6).all(|parameter| error(&tied, parameter) < error(&free, parameter)), "{free}\n{tied}");
    assert_eq!(tied["result"]["coefficients"]["sigma1"], tied["result"]["coefficients"]["sigma2"]);
    assert_eq!(tied["result"]["parameters"][6].get("standard_error"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_curve_too_large_a_rate_may_end_in_a_cycle() {
    let app = spawn_app().await;
    let (best, slow, fast) =
        (run(&app, "decay").await, run(&app, "decay_descent").await, run(&app, "decay_bouncing").await);
    assert!(number(&slow, "/result/loss") - number(&best, "/result/loss") < 1e-9, "{slow}\n{best}");
    let losses = column(&app, &fast, "loss").await;
    let (last, step) = (losses[900], losses[901]);
    assert!((losses[902] - last).abs() < 1e-9 && (step - last).abs() > 0.01, "{losses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_data_does_not_say_of_a_curve_is_left_out_and_said() {
    let app = spawn_app().await;
    let enzyme = run(&app, "enzyme").await;
    for parameter in enzyme["result"]["parameters"].as_array().unwrap() {
        assert!(number(parameter, "/confidence_interval/0") < 0.0, "{parameter}");
        assert!(number(parameter, "/profile_interval/lower") > 0.0, "{parameter}");
        assert_eq!(parameter["profile_interval"].get("upper"), None, "{parameter}");
    }
    for name in ["decay_bound", "decay_twins", "decay_exact"] {
        let fit = run(&app, name).await;
        let parameters = fit["result"]["parameters"].as_array().unwrap();
        assert!(parameters.iter().all(|parameter| parameter.get("standard_error").is_none()), "{fit}");
    }
    let (decay, plateau) = (run(&app, "decay").await, run(&app, "decay_plateau").await);
    let apart = number(&plateau, "/result/loss") - number(&decay, "/result/loss");
    assert!(apart.abs() < 1e-12, "{plateau}\n{decay}");
}

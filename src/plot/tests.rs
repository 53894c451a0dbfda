//! Snapshots of every picture: a change of one is looked at before it is taken.

use super::*;

/// Compares with the snapshot, an element a line, and writes the picture where a person can look at it.
fn seen(name: &str, picture: &Picture) {
    let svg = picture.svg();
    assert_eq!(svg, picture.svg(), "the same picture has the same bytes");
    if let Ok(folder) = std::env::var("FITD_PICTURES") {
        std::fs::write(format!("{folder}/{name}.svg"), &svg).unwrap();
        std::fs::write(format!("{folder}/{name}.png"), picture.png(2.0).unwrap()).unwrap();
    }
    insta::assert_snapshot!(name, svg.replace("><", ">\n<"));
    assert_apart(&svg);
}

/// Numbers that stand side by side below an axis do not touch.
fn assert_apart(svg: &str) {
    let mut ends: Vec<(String, f64, f64, &str)> = Vec::new();
    for text in svg.split("<text ").skip(1).filter(|text| text.contains("font-size=\"11\" text-anchor=\"middle\">")) {
        let attribute = |name: &str| text.split_once(&format!("{name}=\""))?.1.split('"').next();
        let (x, y) = (attribute("x").unwrap().parse::<f64>().unwrap(), attribute("y").unwrap());
        let told = text.split_once('>').unwrap().1.split('<').next().unwrap();
        let half = told.chars().map(|letter| if letter == '.' { 3.5 } else { 6.6 }).sum::<f64>() / 2.0;
        ends.push((y.to_owned(), x - half, x + half, told));
    }
    // A panel begins further left than the one before it ends.
    let touch = ends.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].1 < pair[1].1 && pair[0].2 >= pair[1].1);
    assert!(!ends.is_empty() && touch.is_none(), "{touch:?}");
}

fn dark() -> Look {
    Look { theme: Theme::Dark, ..Look::default() }
}

/// A reproducible number in [0, 1).
fn unit(k: u32) -> f64 {
    (f64::from(k) * 0.618_033_988_749_894_9).fract()
}

/// About normal, of variance 1/2.
fn noise(k: u32) -> f64 {
    (0..6).map(|j| unit(7_919u32.wrapping_mul(k * (j + 1)).wrapping_add(104_729 * j) % 1_000_003)).sum::<f64>() - 3.0
}

#[test]
fn the_loss_falls_over_the_iterations() {
    let iterations: Vec<u64> = (0..=30).collect();
    let training: Vec<f64> = iterations.iter().map(|k| 40.0 * (-(*k as f64) / 3.0).exp() + 0.03).collect();
    let validation: Vec<f64> =
        iterations.iter().zip(&training).map(|(k, loss)| 1.2 * loss + 1e-4 * (*k as f64 - 15.0).powi(2)).collect();
    let changes = [(10, "rate × 0.5".to_owned()), (20, "rate × 0.5".to_owned())];
    let what = Loss {
        iterations: &iterations,
        training: &training,
        validation: Some(&validation),
        best: Some(17),
        changes: &changes,
        is_running: false,
    };
    let picture = loss(&what, &Look::default());
    seen("loss", &picture);
    assert_eq!(
        picture.description(),
        "The loss, by powers of ten, over the iterations: it goes from 40.03 to 0.03182 at iteration 30. On the validation \
         rows it ends at 0.06068. The best iterate is that of iteration 17."
    );
    seen("loss-dark", &loss(&what, &dark()));
    let nothing = loss(&Loss::default(), &Look::default());
    assert_eq!(nothing.description(), "The descent has not begun.");
    seen("loss-empty", &nothing);
}

#[test]
fn coefficients_of_one_size_share_their_axes() {
    let iterations: Vec<u64> = (0..25).collect();
    let of = |size: f64, rate: f64| iterations.iter().map(|k| size * (1.0 - (-(*k as f64) / rate).exp())).collect();
    let names: Vec<String> = ["a", "b", "intercept"].map(str::to_owned).to_vec();
    let values = vec![of(2.0, 3.0), of(-1.0, 6.0), of(3.0, 2.0)];
    seen("path", &path(&Path { iterations: &iterations, names: &names, values: &values }, &Look::default()));
    let values = vec![of(2e-3, 3.0), of(-1.0, 6.0), of(3e4, 2.0)];
    seen("path-apart", &path(&Path { iterations: &iterations, names: &names, values: &values }, &dark()));
}

#[test]
fn estimates_that_go_together_are_told_by_colour_and_number() {
    let names: Vec<String> = ["slope", "intercept", "curvature"].map(str::to_owned).to_vec();
    let matrix = vec![vec![1.0, -0.93, 0.2], vec![-0.93, 1.0, f64::NAN], vec![0.2, f64::NAN, 1.0]];
    let picture = correlation(&Correlation { names: &names, matrix: &matrix }, &Look::default());
    seen("correlation", &picture);
    assert_eq!(
        picture.description(),
        "The correlation of each pair of estimates. The strongest is that of slope and intercept: -0.93."
    );
    seen("correlation-dark", &correlation(&Correlation { names: &names, matrix: &matrix }, &dark()));
}

#[test]
fn a_curve_goes_through_its_data_and_a_million_points_are_a_density() {
    let model = |x: f64| 3.0 * (-x / 3.0).exp();
    let of = |count: u32| -> (Vec<f64>, Vec<f64>) {
        (0..count).map(|k| (10.0 * unit(k), model(10.0 * unit(k)) + 0.2 * noise(k))).unzip()
    };
    let (x, y) = of(60);
    let grid: Vec<f64> = (0..=40).map(|k| f64::from(k) / 4.0).collect();
    let curve: Vec<f64> = grid.iter().map(|x| model(*x)).collect();
    let (lower, upper): (Vec<f64>, Vec<f64>) = curve.iter().map(|y| (y - 0.08, y + 0.08)).unzip();
    let predicted: Vec<f64> = x.iter().map(|x| model(*x)).collect();
    let what = Fitted {
        feature: Some(("time", &x)),
        target: "signal",
        actual: &y,
        predicted: &predicted,
        curve: Some(Curve { x: &grid, y: &curve, band: Some(Band { lower: &lower, upper: &upper, level: 0.95 }) }),
    };
    seen("fit", &fitted(&what, &Look::default()));
    seen("fit-dark", &fitted(&what, &dark()));
    seen("fit-against", &fitted(&Fitted { feature: None, curve: None, ..what }, &Look::default()));
    let (x, y) = of(1_000_000);
    let many = fitted(&Fitted { feature: Some(("time", &x)), actual: &y, ..what }, &Look::default());
    assert!(many.svg().len() < 500_000, "{} bytes", many.svg().len());
}

#[test]
fn residuals_have_their_quantiles_beside_them() {
    let fitted: Vec<f64> = (0..60).map(|k| 5.0 * unit(k)).collect();
    let left: Vec<f64> = (0..60).map(noise).collect();
    let mut sorted = left.clone();
    sorted.sort_by(f64::total_cmp);
    let quantiles: Vec<(f64, f64)> =
        sorted.iter().enumerate().map(|(k, r)| (4.0 * (k as f64 + 0.5) / 60.0 - 2.0, *r)).collect();
    let what = Residuals { fitted: &fitted, residuals: &left, quantiles: &quantiles };
    seen("residuals", &residuals(&what, &Look::default()));
}

#[test]
fn long_numbers_below_an_axis_stand_apart() {
    let left: Vec<f64> = (0..5_000).map(noise).collect();
    for (low, span) in [(0.0_f64, 0.0125_f64), (1e6, 0.01), (-4e-7, 3e-9), (0.0, 1e7), (123_456.0, 2_000.0), (5.0, 0.0)]
    {
        let fitted: Vec<f64> = (0..5_000).map(|k| span.mul_add(unit(k), low)).collect();
        let what = Residuals { fitted: &fitted, residuals: &left, quantiles: &[(-1.0, -1.0), (1.0, 1.0)] };
        for width in [640, 800, 1_600] {
            assert_apart(&residuals(&what, &Look { width, ..Look::default() }).svg());
        }
    }
}

#[test]
fn the_descent_lies_on_the_error_surface() {
    let x: Vec<f64> = (0..15).map(|k| -10.0 + f64::from(k) * 20.0 / 14.0).collect();
    let height = |a: f64, b: f64| (a - 2.0).powi(2) + 0.5 * (b + 1.0).powi(2) + 0.6 * (a - 2.0) * (b + 1.0) + 0.1;
    let loss: Vec<Vec<f64>> = x.iter().map(|b| x.iter().map(|a| height(*a, *b)).collect()).collect();
    let way: Vec<(f64, f64)> =
        (0..30).map(|k| 0.8f64.powi(k)).map(|left| (2.0 - 10.0 * left, -1.0 - 7.0 * left * left)).collect();
    let what = Surface {
        of: "loss",
        names: ["slope", "intercept"],
        x: &x,
        y: &x,
        loss: &loss,
        path: &way,
        optimum: Some((2.0, -1.0)),
        every: 1,
    };
    seen("surface", &surface(&what, &Look::default()));
    seen("surface-dark", &surface(&what, &dark()));
}

#[test]
fn names_from_outside_stay_text() {
    let names: Vec<String> = vec!["<script>alert(1)</script>".to_owned(), "$\\alpha$\u{1}".to_owned()];
    let matrix = vec![vec![1.0, 0.5], vec![0.5, 1.0]];
    let look = Look { title: Some("\"'><svg onload=x>".to_owned()), ..Look::default() };
    let svg = correlation(&Correlation { names: &names, matrix: &matrix }, &look).svg();
    assert!(!svg.contains("<script") && !svg.contains("<svg onload") && !svg.contains('\u{1}'), "{svg}");
    assert!(svg.contains("$\\alpha$\u{fffd}"), "{svg}");
}

//! Vertices against all vertices, and optima against every direction away from them.

use super::*;
use crate::descent::properties::Noise;

fn solve(a: &Matrix, b: &[f64], tau: f64) -> (Vec<f64>, usize) {
    let n = b.len();
    let mut vertex =
        Vertex::new(Lanes::chosen(), a.clone(), b.to_vec(), vec![-tau; n], vec![1.0 - tau; n], &vec![0.0; a.columns()]);
    for step in 0..5_000 {
        match vertex.step(&|| false) {
            Progress::Moved => {}
            Progress::Optimal => return (vertex.at().to_vec(), step),
            Progress::Stuck | Progress::GivenUp => panic!("stuck after {step}"),
        }
    }
    panic!("no optimum");
}

fn loss(a: &Matrix, b: &[f64], tau: f64, at: &[f64]) -> f64 {
    (0..b.len())
        .map(|row| {
            let r: f64 = at.iter().enumerate().map(|(k, x)| x * a.at(row, k)).sum::<f64>() - b[row];
            if r > 0.0 { (1.0 - tau) * r } else { -tau * r }
        })
        .sum()
}

fn problem(seed: u64, n: usize, p: usize, whole: bool) -> (Matrix, Vec<f64>) {
    let mut noise = Noise::new(seed);
    let mut value = |whole: bool| if whole { (2.0 * noise.normal()).round() } else { noise.normal() };
    let mut columns = vec![vec![1.0; n]];
    columns.extend((1..p).map(|_| (0..n).map(|_| value(whole)).collect::<Vec<_>>()));
    let b = (0..n).map(|_| value(whole)).collect();
    (Matrix::from_columns(n, columns), b)
}

#[test]
fn no_vertex_is_lower_than_the_one_that_is_found() {
    for (seed, whole) in (0..40).flat_map(|seed| [(seed, false), (seed, true)]) {
        let (a, b) = problem(seed, 12, 3, whole);
        for tau in [0.5, 0.2, 0.9] {
            let (at, _) = solve(&a, &b, tau);
            let mut least = f64::INFINITY;
            for i in 0..12 {
                for j in 0..i {
                    for k in 0..j {
                        let rows: Vec<Vec<f64>> =
                            [i, j, k].iter().map(|r| (0..3).map(|c| a.at(*r, c)).collect()).collect();
                        let Some(vertex) = inverse_times(rows, &[i, j, k], &b, &|| false) else { continue };
                        least = least.min(loss(&a, &b, tau, &vertex));
                    }
                }
            }
            let found = loss(&a, &b, tau, &at);
            assert!(found <= least + 1e-9 * least, "seed {seed} {whole} {tau}: {found} {least}");
        }
    }
}

#[test]
fn with_a_quadratic_no_step_in_any_direction_leads_down() {
    let mut noise = Noise::new(21);
    for seed in 0..20 {
        let (a, b) = problem(seed, 60, 4, seed % 2 == 0);
        let mut quadratic = Matrix::zeros(4, 4);
        // The first coordinate, an intercept, is free.
        (1..4).for_each(|k| quadratic.set(k, k, 6.0));
        let (low, high) = (vec![-0.3; 60], vec![0.7; 60]);
        let lanes = Lanes::chosen();
        let mut vertex = Vertex::new(lanes, a.clone(), b.clone(), low, high, &[0.0; 4]).with_quadratic(quadratic);
        let mut steps = 0;
        let ended = loop {
            match vertex.step(&|| false) {
                Progress::Moved if steps < 100 => steps += 1,
                other => break other,
            }
        };
        assert_eq!(ended, Progress::Optimal, "seed {seed}");
        let value = |at: &[f64]| loss(&a, &b, 0.3, at) + 3.0 * at[1..].iter().map(|x| x * x).sum::<f64>();
        let least = value(vertex.at());
        for _ in 0..200 {
            let size = libm::pow(10.0, -8.0 * noise.uniform());
            let moved: Vec<f64> = vertex.at().iter().map(|x| x + size * noise.normal()).collect();
            assert!(value(&moved) >= least - 1e-9 * least, "seed {seed}: {} {least}", value(&moved));
        }
    }
}

#[test]
fn many_rows_and_massive_ties_end_soon() {
    let (a, b) = problem(5, 2_000, 5, false);
    assert!(solve(&a, &b, 0.3).1 < 300);
    let (a, b) = problem(6, 2_000, 5, true);
    assert!(solve(&a, &b, 0.5).1 < 300);
}

#[test]
fn a_state_goes_on_bit_for_bit() {
    let (a, b) = problem(8, 300, 4, false);
    let make = || Vertex::new(Lanes::chosen(), a.clone(), b.clone(), vec![-0.5; 300], vec![0.5; 300], &[0.0; 4]);
    let (mut whole, mut first) = (make(), make());
    for _ in 0..9 {
        whole.step(&|| false);
        first.step(&|| false);
    }
    let mut second = make();
    assert!(second.restore(&first.state()));
    for _ in 0..6 {
        whole.step(&|| false);
        second.step(&|| false);
        assert_eq!(whole.state(), second.state());
    }
}

//! The streamed objective: every evaluation reads the rows once. For losses and models that cannot be compressed, and
//! the yardstick that the compressed objective is tested against.

use super::super::Team;
use super::super::design::Design;
use super::super::losses::Loss;
use super::super::matrix::Matrix;
use super::super::models::Response;
use super::{Chart, Evaluation, Kinks, Lines, Objective, PenaltyForm, largest_cosine};

/// How a gradient is measured free of scale.
#[derive(Clone, Debug)]
pub(in super::super) struct Steepness {
    /// ‖Jⱼ‖/√W in the chart, the penalty's rows included; of one output.
    pub(in super::super) norms: Vec<f64>,
    /// Least squares: the norm of a residual that is rounding error of the data. Else the slope by η that is.
    pub(in super::super) floor: f64,
    /// Whether the gradient is that of least squares.
    pub(in super::super) squares: bool,
    /// The unit of η: the target's spread where η is in its units, else 1.
    pub(in super::super) unit: f64,
}

/// An objective over rows.
pub(in super::super) struct Streamed<'a> {
    pub(in super::super) design: &'a Design,
    pub(in super::super) loss: &'a dyn Loss,
    pub(in super::super) chart: &'a Chart,
    /// In the coordinates of one output.
    pub(in super::super) penalty: PenaltyForm,
    pub(in super::super) kinks: Kinks,
    pub(in super::super) team: &'a dyn Team,
    pub(in super::super) steepness: Steepness,
}

impl Streamed<'_> {
    fn inner(&self) -> usize {
        self.chart.width(self.design.basis.as_ref())
    }

    fn working(&self, at: &[f64]) -> Vec<f64> {
        let design = self.design;
        self.chart.to_working(design.basis.as_ref(), design.target_shift, design.lanes, at)
    }

    /// The gradient by working coefficients, over `weight`, into coordinates; returns the smooth penalty.
    fn finish(&self, at: &[f64], working_gradient: &[f64], weight: f64, gradient: &mut [f64]) -> f64 {
        let design = self.design;
        let pulled = self.chart.pull(design.basis.as_ref(), design.lanes, working_gradient);
        for (slope, part) in gradient.iter_mut().zip(pulled) {
            *slope = part / weight;
        }
        let inner = self.inner().max(1);
        let blocks = at.chunks(inner).zip(gradient.chunks_mut(inner));
        blocks.map(|(at, gradient)| self.penalty.add(design.lanes, at, gradient)).sum()
    }
}

impl Objective for Streamed<'_> {
    fn width(&self) -> usize {
        self.inner() * self.design.outputs()
    }

    fn evaluate(&self, at: &[f64], gradient: &mut [f64]) -> Evaluation {
        let sums = self.design.stream(self.loss, &self.working(at), self.team);
        let weight = self.design.weight_sum;
        let penalty = self.finish(at, &sums.gradient, weight, gradient);
        Evaluation { loss: sums.loss / weight, penalty: penalty + self.kinks.penalty(at) }
    }

    fn evaluate_rows(&self, rows: &[u32], at: &[f64], gradient: &mut [f64]) -> bool {
        let sums = self.design.stream_rows(self.loss, &self.working(at), rows, self.team);
        // An unbiased estimate of the gradient over all rows, also where the weights differ.
        let weight = self.design.weight_sum * rows.len() as f64 / self.design.rows() as f64;
        self.finish(at, &sums.gradient, weight, gradient);
        true
    }

    fn curvature(&self, _direction: &[f64]) -> Option<f64> {
        None
    }

    fn hessian(&self, at: &[f64]) -> Option<Matrix> {
        let design = self.design;
        let map = self.chart.map(design.basis.as_ref(), design.lanes);
        let mut hessian = design.gram(self.loss, &self.working(at), &map, false, self.team);
        hessian.scale(1.0 / design.weight_sum);
        for output in 0..design.outputs() {
            self.penalty.add_hessian(&mut hessian, output * self.inner(), &|| self.is_given_up());
        }
        if design.response == Response::Softmax {
            // The same shift of all classes changes nothing; curvature along it keeps Newton's step off it.
            let size = hessian.columns().max(1);
            let mean = (0..hessian.columns()).map(|k| hessian.at(k, k)).sum::<f64>() / size as f64;
            hessian.add_shift(self.inner(), design.outputs(), mean);
        }
        hessian.is_finite().then_some(hessian)
    }

    fn steepness(&self, at: &[f64], gradient: &[f64], evaluation: Evaluation) -> f64 {
        let slopes = self.kinks.steepest(at, gradient);
        let Steepness { norms, floor, squares, unit } = &self.steepness;
        if *squares {
            return largest_cosine(&slopes, norms, evaluation.objective(), *floor);
        }
        let mut largest = 0.0f64;
        for (slope, norm) in slopes.iter().zip(norms.iter().cycle()) {
            if *norm > 0.0 && slope.abs() > norm * floor {
                largest = largest.max(slope.abs() * (unit / norm));
            }
        }
        if largest == 0.0 { 0.0 } else { largest / evaluation.objective() }
    }

    fn is_given_up(&self) -> bool {
        self.team.gives_up()
    }

    fn is_cut(&self) -> bool {
        self.team.was_told()
    }

    fn is_long(&self) -> bool {
        self.design.is_long()
    }

    fn kinks(&self) -> &Kinks {
        &self.kinks
    }

    fn lines(&self, _at: &[f64]) -> Option<Lines> {
        if self.design.outputs() != 1 {
            return None;
        }
        let curvature = (self.penalty != PenaltyForm::None).then(|| {
            let mut curvature = Matrix::zeros(self.width(), self.width());
            self.penalty.add_hessian(&mut curvature, 0, &|| self.is_given_up());
            curvature
        });
        let (n, p, lanes) = (self.design.rows(), self.width(), self.design.lanes);
        let map = self.chart.map(self.design.basis.as_ref(), lanes);
        let extra: Vec<usize> = (0..p).filter(|k| self.kinks.l1.get(*k).is_some_and(|l1| *l1 > 0.0)).collect();
        let ends = |k: usize| [(self.kinks.lower.get(k), false), (self.kinks.upper.get(k), true)];
        let ranges: Vec<(usize, f64, bool)> = (0..p)
            .flat_map(|k| ends(k).map(|(end, upper)| (k, end.copied().unwrap_or(f64::INFINITY), upper)))
            .filter(|(_, end, _)| end.is_finite())
            .collect();
        let total = n + extra.len() + ranges.len();
        let room = || Vec::with_capacity(total);
        let mut lines = Lines { a: Matrix::zeros(total, p), b: room(), low: room(), high: room(), curvature };
        let origin = self.working(&vec![0.0; p]);
        self.design.visit(&origin, self.team, |from, functions, eta, target, weights| {
            let rows = target.len();
            for k in 0..p {
                if self.design.is_wide() && self.is_given_up() {
                    break;
                }
                let to = &mut lines.a.column_mut(k)[from..from + rows];
                for (column, factor) in functions.chunks_exact(rows).zip(map.column(k)) {
                    lanes.axpy(*factor, column, to);
                }
            }
            lines.b.extend(target.iter().zip(eta.iter()).map(|(y, eta)| y - eta));
            for (away, slopes) in [(-1.0, &mut lines.low), (1.0, &mut lines.high)] {
                let mut eta: Vec<f64> = vec![away; rows];
                self.loss.slopes(&mut eta, &vec![0.0; rows], weights, lanes);
                slopes.extend(eta.iter().map(|slope| slope / self.design.weight_sum));
            }
        });
        if self.is_cut() {
            return None;
        }
        for (line, k) in extra.iter().enumerate() {
            lines.a.set(n + line, *k, 1.0);
            lines.b.push(0.0);
            lines.low.push(-self.kinks.l1[*k]);
            lines.high.push(self.kinks.l1[*k]);
        }
        for (line, (k, end, upper)) in ranges.iter().enumerate() {
            lines.a.set(n + extra.len() + line, *k, 1.0);
            lines.b.push(*end);
            lines.low.push(if *upper { 0.0 } else { f64::NEG_INFINITY });
            lines.high.push(if *upper { f64::INFINITY } else { 0.0 });
        }
        Some(lines)
    }
}

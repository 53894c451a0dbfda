//! Keeps a fit's history within its bounds: every iteration at first, and every second one of those kept each time
//! there would be too many. It knows no clock and no store.
//!
//! The stride depends on the iteration alone, so a fit that was interrupted keeps the points that it would have kept.

use crate::descent::Step;
use crate::fit::{HistoryBlock, HistoryShape};

/// Values (loss, gradient norm and coefficients) a point may have before fewer points are kept.
const POINT_VALUES: u64 = 8;

/// Records points in a buffer of its own, which its owner moves on from time to time.
pub(super) struct Recorder {
    tail: HistoryBlock,
    points_max: u64,
    /// The first iteration that would be one point too many at this stride.
    full_at: u64,
    last: Option<u64>,
    /// Whether the last column is the loss on the validation rows.
    validated: bool,
}

impl Recorder {
    /// For at most `points_max` points (at least 2) of this shape; fewer where points are large.
    pub(super) fn new(shape: &HistoryShape, points_max: u64) -> Self {
        let values = 2 + shape.columns() as u64;
        let points_max = points_max.min(points_max.saturating_mul(POINT_VALUES) / values).max(2);
        // With batches, points come an epoch apart at the closest.
        let every = shape.iterations_per_epoch.unwrap_or(1).max(1);
        let tail = HistoryBlock::new(shape.columns(), every);
        let full_at = points_max.saturating_mul(every);
        Self { tail, points_max, full_at, last: None, validated: shape.validated }
    }

    /// Records the step, if it is on the stride and finite.
    pub(super) fn record(&mut self, step: &dyn Step) {
        let iteration = step.iteration();
        while iteration >= self.full_at {
            self.tail.stride *= 2;
            self.full_at = self.points_max.saturating_mul(self.tail.stride);
        }
        if iteration.is_multiple_of(self.tail.stride) {
            let kept = self.tail.coefficients.len() - usize::from(self.validated);
            let coefficients = if kept == 0 { Vec::new() } else { step.coefficients() };
            self.close(iteration, step.loss(), step.gradient_norm(), &coefficients, step.validation_loss());
        }
    }

    /// Records the last point of the fit, on the stride or off it.
    pub(super) fn close(
        &mut self,
        iteration: u64,
        loss: f64,
        gradient_norm: f64,
        coefficients: &[f64],
        validation_loss: Option<f64>,
    ) {
        let kept = self.tail.coefficients.len() - usize::from(self.validated);
        let mut columns = coefficients[..kept.min(coefficients.len())].to_vec();
        if self.validated {
            columns.push(validation_loss.unwrap_or(f64::NAN));
        }
        self.push(iteration, loss, gradient_norm, &columns);
    }

    /// Moves what was recorded to the end of `block`, thinned to the present stride.
    pub(super) fn drain_into(&mut self, block: &mut HistoryBlock) {
        let (stride, kept) = (self.tail.stride, self.tail.coefficients.len());
        if block.stride < stride {
            let mut thinned = HistoryBlock::new(kept, stride);
            thinned.extend_where(block, |iteration| iteration % stride == 0);
            *block = thinned;
        }
        let last = self.last;
        block.extend_where(&self.tail, |iteration| iteration % stride == 0 || Some(iteration) == last);
        self.tail = HistoryBlock::new(kept, stride);
    }

    fn push(&mut self, iteration: u64, loss: f64, gradient_norm: f64, coefficients: &[f64]) {
        let kept = &coefficients[..self.tail.coefficients.len().min(coefficients.len())];
        let finite = loss.is_finite() && gradient_norm.is_finite() && kept.iter().all(|value| value.is_finite());
        if finite && kept.len() == self.tail.coefficients.len() && self.last.is_none_or(|last| last < iteration) {
            self.tail.push(iteration, loss, gradient_norm, kept);
            self.last = Some(iteration);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::scripted::{At, wide};

    fn recorded(recorder: &mut Recorder, iterations: u64, drain_every: u64) -> HistoryBlock {
        let mut block = HistoryBlock::new(0, 1);
        for iteration in 0..=iterations {
            recorder.record(&At::iteration(iteration));
            if iteration % drain_every == 0 {
                recorder.drain_into(&mut block);
            }
        }
        recorder.drain_into(&mut block);
        block
    }

    #[test]
    fn every_iteration_is_kept_while_there_is_room() {
        let block = recorded(&mut Recorder::new(&wide(0), 21), 20, 7);
        assert_eq!(block.iterations, (0..=20).collect::<Vec<_>>());
        assert_eq!(block.loss[20].to_bits(), At::iteration(20).loss().to_bits());
        assert_eq!(block.stride, 1);
    }

    #[test]
    fn one_point_too_many_doubles_the_stride_however_often_the_buffer_moves() {
        for drain_every in [1, 3, 1_000] {
            let block = recorded(&mut Recorder::new(&wide(0), 21), 21, drain_every);
            assert_eq!(block.stride, 2);
            assert_eq!(block.iterations, (0..=20).step_by(2).collect::<Vec<_>>());
            let block = recorded(&mut Recorder::new(&wide(0), 21), 1_000, drain_every);
            assert_eq!(block.stride, 64);
            assert_eq!(block.iterations, (0..=960).step_by(64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_last_point_stays_though_it_is_off_the_stride() {
        let mut recorder = Recorder::new(&wide(0), 4);
        let mut block = recorded(&mut recorder, 9, 2);
        recorder.close(9, 0.5, 0.25, &[], None);
        recorder.close(9, 7.0, 7.0, &[], None);
        recorder.drain_into(&mut block);
        assert_eq!(block.iterations, [0, 4, 8, 9]);
        assert_eq!(block.loss.last(), Some(&0.5));
    }

    #[test]
    fn wide_points_are_fewer_and_values_that_are_not_finite_are_left_out() {
        let mut recorder = Recorder::new(&wide(14), 100);
        assert_eq!(recorder.points_max, 50);
        let mut block = HistoryBlock::new(14, 1);
        recorder.close(1, 1.0, 1.0, &[2.0; 14], None);
        recorder.close(2, f64::INFINITY, 1.0, &[2.0; 14], None);
        recorder.close(3, 1.0, 1.0, &[f64::NAN; 14], None);
        recorder.drain_into(&mut block);
        assert_eq!(block.iterations, [1]);
        assert_eq!(block.coefficients, vec![vec![2.0]; 14]);
    }

    #[test]
    fn a_shape_with_a_validation_loss_keeps_it_and_takes_no_point_without() {
        let shape = HistoryShape { validated: true, ..HistoryShape::default() };
        let (mut recorder, mut block) = (Recorder::new(&shape, 100), HistoryBlock::new(shape.columns(), 1));
        recorder.record(&At::judged(1, 0.75));
        recorder.record(&At::iteration(2));
        recorder.close(3, 1.0, 1.0, &[], Some(0.5));
        recorder.drain_into(&mut block);
        assert_eq!((block.iterations, block.coefficients), (vec![1, 3], vec![vec![0.75, 0.5]]));
    }
}

//! A fit's history as a series: how blocks join, what a restart cuts off, and which points the final stride leaves; and
//! what names its columns.
//!
//! Later blocks win: a block that starts at or before a stored point replaces everything from there on, so a fit that
//! restarts at iteration 0 or at a checkpoint never shows an iteration twice.

use crate::fit::HistoryBlock;

/// Removes the points from iteration `from` on.
pub(super) fn cut(block: &mut HistoryBlock, from: u64) {
    let keep = block.iterations.partition_point(|&iteration| iteration < from);
    block.iterations.truncate(keep);
    block.loss.truncate(keep);
    block.gradient_norm.truncate(keep);
    for column in &mut block.coefficients {
        column.truncate(keep);
    }
}

/// Where a whole stored series begins and ends, and its final stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) stride: u64,
}

impl Extent {
    /// Whether a point is part of the thinned series.
    pub(super) fn keeps(&self, iteration: u64) -> bool {
        iteration == self.first || iteration == self.last || iteration.is_multiple_of(self.stride.max(1))
    }

    /// The points of `blocks` between the two iterations, thinned.
    pub(super) fn select(&self, blocks: &[HistoryBlock], from: u64, to: u64) -> HistoryBlock {
        let mut merged = HistoryBlock::new(0, self.stride.max(1));
        for block in blocks {
            merged.extend_where(block, |iteration| (from..=to).contains(&iteration) && self.keeps(iteration));
        }
        merged
    }
}

/// What an unrecorded history reads as.
pub(super) fn empty() -> HistoryBlock {
    HistoryBlock::new(0, 1)
}

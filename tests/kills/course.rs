//! The course of the kills: where the next one strikes. Points are gone through until each was hit, with kills at random
//! times and during recovery among them.

use std::time::Duration;

use crate::dice::Dice;

/// Points that are passed only while a store is made.
const AT_FIRST: [&str; 2] = ["open.drafted", "open.renamed"];
/// Points on a way that this load never takes: its store is always of this version.
const ELSEWHERE: &str = "migrate.";
/// How often a point is tried before it counts as one that this load does not lead to.
const TRIES_MAX: u32 = 3;
/// Where a delay widens what a kill at a random time can hit.
const SLOW: [&str; 6] = ["store.begun", "store.ran", "store.committed", "submit.stored", "beat.built", "run.computed"];

/// One kill.
#[derive(Clone, Debug)]
pub(crate) struct Stroke {
    /// The point that ends the process.
    pub(crate) point: Option<&'static str>,
    tries: u32,
    pub(crate) failpoints: String,
    /// When the process is ended otherwise.
    pub(crate) after: Duration,
    /// From the start of the process, instead of from when it serves.
    pub(crate) early: bool,
    /// It is asked to stop, since the point is on that way.
    pub(crate) terminate: bool,
}

pub(crate) struct Course {
    dice: Dice,
    points: Vec<(&'static str, u32)>,
    /// Kills during recovery that still follow one another.
    early: u64,
}

impl Course {
    /// On a store that is still to be made, or one that is there.
    pub(crate) fn new(dice: Dice, fresh: bool) -> Self {
        let mut course = Self { dice, points: Vec::new(), early: 0 };
        course.refill();
        if fresh {
            // The last one is the next one.
            course.points.extend([(AT_FIRST[1], 0), (AT_FIRST[0], 0)]);
        }
        course
    }

    fn refill(&mut self) {
        self.points = fitd::failpoints::ALL
            .iter()
            .filter(|name| !AT_FIRST.contains(name) && !name.starts_with(ELSEWHERE))
            .map(|&name| (name, 0))
            .collect();
        self.dice.shuffle(&mut self.points);
    }

    /// The next kill, of `left` that are still to come.
    pub(crate) fn next(&mut self, left: u64) -> Stroke {
        if self.early > 0 {
            self.early -= 1;
            return self.during_recovery();
        }
        let first = self.points.last().is_some_and(|(name, _)| AT_FIRST.contains(name));
        if first || left <= self.points.len() as u64 + 1 || self.dice.percent(55) {
            if self.points.is_empty() {
                self.refill();
            }
            if let Some((name, tries)) = self.points.pop() {
                return self.at(name, tries);
            }
        }
        if self.dice.percent(30) {
            self.early = self.dice.below(3);
            return self.during_recovery();
        }
        let slow = self.dice.percent(40).then(|| self.dice.one(&SLOW).copied()).flatten();
        // Spelled apart, since no test may wait in this way; the process under test may.
        let failpoints = slow.map_or(String::new(), |name| format!("{name}=30%{}({})", "sleep", 40));
        let after = if self.dice.percent(30) { self.dice.millis(50, 400) } else { self.dice.millis(400, 3_500) };
        Stroke { point: None, tries: 0, failpoints, after, early: false, terminate: false }
    }

    /// The point was not reached: it is tried again later, unless that was often enough.
    pub(crate) fn missed(&mut self, stroke: &Stroke) {
        if let Some(name) = stroke.point
            && stroke.tries + 1 < TRIES_MAX
        {
            self.points.insert(0, (name, stroke.tries + 1));
        }
    }

    fn at(&mut self, name: &'static str, tries: u32) -> Stroke {
        let family = name.split('.').next().unwrap_or_default();
        let terminate = ["shutdown", "release"].contains(&family);
        let passes = match family {
            _ if tries > 0 => 0,
            "store" => self.dice.below(60),
            "submit" | "claim" | "run" => self.dice.below(12),
            "cancel" | "delete" | "blob" | "beat" => self.dice.below(2),
            _ => 0,
        };
        let after = if terminate { self.dice.millis(300, 2_500) } else { Duration::from_secs(4) };
        let failpoints = if passes == 0 { format!("{name}=return") } else { format!("{name}={passes}*off->return") };
        Stroke { point: Some(name), tries, failpoints, after, early: false, terminate }
    }

    fn during_recovery(&mut self) -> Stroke {
        let after = self.dice.millis(1, 60);
        Stroke { point: None, tries: 0, failpoints: String::new(), after, early: true, terminate: false }
    }
}

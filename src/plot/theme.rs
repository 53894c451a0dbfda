//! Colours, for pages with a light and with a dark ground.

use kuva::render::theme::Theme as Colours;

/// Whether the ground is light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white, as for paper.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Colours of axes, grid and text.
    pub(super) fn colours(self) -> Colours {
        match self {
            Self::Light => Colours {
                grid_color: "#e3e3e3".into(),
                axis_color: "#3a3a3a".into(),
                tick_color: "#3a3a3a".into(),
                text_color: "#1b1b1b".into(),
                legend_border: "#c8c8c8".into(),
                ..Colours::light()
            },
            Self::Dark => Colours {
                background: "#15171c".into(),
                grid_color: "#2f333b".into(),
                axis_color: "#a9adb5".into(),
                tick_color: "#a9adb5".into(),
                text_color: "#e6e8ec".into(),
                legend_bg: "#1d2027".into(),
                legend_border: "#3c414b".into(),
                ..Colours::dark()
            },
        }
    }

    pub(super) fn ground(self) -> &'static str {
        match self {
            Self::Light => "white",
            Self::Dark => "#15171c",
        }
    }

    /// The colour of the data.
    pub(super) fn data(self) -> &'static str {
        match self {
            Self::Light => "#5c5c5c",
            Self::Dark => "#a9adb5",
        }
    }

    /// The colour of what was fitted, and of the first of several lines.
    pub(super) fn first(self) -> &'static str {
        self.series(0)
    }

    /// What a band of the first colour looks like on the ground.
    pub(super) fn band(self) -> &'static str {
        match self {
            Self::Light => "#c7e0ee",
            Self::Dark => "#23394b",
        }
    }

    /// The colour of what stands against it.
    pub(super) fn second(self) -> &'static str {
        self.series(1)
    }

    /// The colour of a mark that is to be found at once.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Light => "#1b1b1b",
            Self::Dark => "#f0e442",
        }
    }

    /// The colour of a line among several.
    pub(super) fn series(self, place: usize) -> &'static str {
        const ON_LIGHT: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
        const ON_DARK: [&str; 6] = ["#56b4e9", "#e69f00", "#2bc79a", "#e39cc3", "#f0e442", "#ff8a4c"];
        let colours = if self == Self::Light { ON_LIGHT } else { ON_DARK };
        colours[place % colours.len()]
    }

    /// Few to many, for part ∈ [0, 1]: from near the ground to the colour of the data.
    pub(super) fn density(self, part: f64) -> String {
        match self {
            Self::Light => between([198, 219, 239], [8, 48, 107], part),
            Self::Dark => between([28, 60, 96], [189, 227, 255], part),
        }
    }
}

/// The colour at a part of the way.
pub(super) fn between(from: [u8; 3], to: [u8; 3], part: f64) -> String {
    let part = part.clamp(0.0, 1.0);
    let mixed = |k: usize| part.mul_add(f64::from(to[k]) - f64::from(from[k]), f64::from(from[k])).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mixed(0), mixed(1), mixed(2))
}

//! Why a lead should be contacted now: one file a lane.
//!
//! To add a lane: one file here, one line of the table below, its symbol in `schemas/ready.avsc`, its numbers in the
//! model file.

/// Declares the lanes, strongest first.
macro_rules! lanes {
    ($($lane:ident = $name:literal),+ $(,)?) => {
        /// Why now. Ordered by strength, the strongest first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Lane {
            $($lane,)+
        }

        impl Lane {
            /// All lanes, strongest first.
            pub const ALL: [Lane; [$(Lane::$lane),+].len()] = [$(Lane::$lane),+];

            /// The symbol of the schema.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Lane::$lane => $name,)+
                }
            }

            /// The lane of that name.
            pub fn parse(text: &str) -> Option<Lane> {
                match text {
                    $($name => Some(Lane::$lane),)+
                    _ => None,
                }
            }
        }
    };
}

lanes! {
    Instant = "instant",
    FanAtRisk = "fan_at_risk",
    Score = "score",
    Reengage = "reengage",
    Timeline = "timeline",
    Sequence = "sequence",
    Neglect = "neglect",
    Anniversary = "anniversary",
}

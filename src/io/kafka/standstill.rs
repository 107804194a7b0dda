//! Partitions that the client library has stopped reading without a word.
//!
//! While a broker starts again it may say for a moment that a partition has no leader. librdkafka 2.12 can miss that the
//! partition has one again (its issues 5430 and 5593), and then asks nobody for records, for ever. So the ends of what
//! is read are asked for now and then, by a client of their own: where records wait, and nothing was read from one look
//! to the second after it, a new consumer has to read.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Instant;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::layout::Layout;
use super::log::Log;
use super::reading::{Place, Reading, Readings};
use super::settings::Settings;

/// When to look, and what the last look found.
#[derive(Debug)]
pub(super) struct Standstill {
    looked: Instant,
    /// What is being looked at: the worker does not wait for it.
    look: Option<Receiver<Vec<Place>>>,
    /// Where records waited at the last look, and nothing had been read since it began.
    suspects: Vec<Place>,
}

impl Standstill {
    /// To be made with a consumer.
    pub(super) fn new() -> Standstill {
        Standstill { looked: Instant::now(), look: None, suspects: Vec::new() }
    }

    /// A partition that is not read any more. Has the cluster asked when it is time, and never waits.
    pub(super) fn found(&mut self, settings: &Settings, layout: &Layout, readings: &Readings) -> Option<Place> {
        let Some(waiting) = self.answer() else {
            if self.look.is_none() && self.looked.elapsed() >= settings.standstill_interval {
                self.begin(settings.clone(), layout, readings);
            }
            return None;
        };
        self.looked = Instant::now();
        self.judge(waiting, readings)
    }

    fn begin(&mut self, settings: Settings, layout: &Layout, readings: &Readings) {
        let places: Vec<_> = readings.running().map(|place| (place, layout.name(place.0).to_owned())).collect();
        let (tell, answer) = channel();
        std::thread::spawn(move || {
            // whoever has joined anew meanwhile does not listen any more
            let _ = tell.send(waiting(&settings, &places).unwrap_or_default());
        });
        self.look = Some(answer);
    }

    /// What a look that has ended found.
    fn answer(&mut self) -> Option<Vec<Place>> {
        let found = match self.look.as_ref()?.try_recv() {
            Ok(found) => found,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Vec::new(),
        };
        self.look = None;
        Some(found)
    }

    fn judge(&mut self, waiting: Vec<Place>, readings: &Readings) -> Option<Place> {
        let stands = |(input, partition, at): &Place| matches!(readings.get(*input, *partition), Reading::Running { next_offset, .. } if next_offset == *at);
        let suspects: Vec<Place> = waiting.into_iter().filter(stands).collect();
        let before = std::mem::replace(&mut self.suspects, suspects);
        self.suspects.iter().find(|place| before.contains(place)).copied()
    }
}

/// Those of the places behind which there are records. `None` where the cluster does not tell.
fn waiting(settings: &Settings, places: &[(Place, String)]) -> Option<Vec<Place>> {
    if places.is_empty() {
        return None;
    }
    let mut asked = TopicPartitionList::with_capacity(places.len());
    for ((_, partition, _), topic) in places {
        asked.add_partition_offset(topic, partition.0 as i32, Offset::End).ok()?;
    }
    let config = settings.reader("ends", "read_committed");
    let client: BaseConsumer<Log> = config.create_with_context(Log::new("ends")).ok()?;
    let found = client.offsets_for_times(asked, settings.request_timeout).ok()?;
    let waits = |(place, topic): &&(Place, String)| {
        let element = found.find_partition(topic, place.1.0 as i32);
        element.is_some_and(|element| {
            element.error().is_ok() && matches!(element.offset(), Offset::Offset(end) if end > place.2)
        })
    };
    Some(places.iter().filter(waits).map(|(place, _)| *place).collect())
}

#[cfg(test)]
mod tests {
    use super::super::reading::Seen;
    use super::*;
    use crate::runtime::batch::{InputId, Partition};

    fn readings(offsets: [i64; 2]) -> Readings {
        let mut readings = Readings::new([2].into_iter());
        for (partition, next_offset) in (0..).zip(offsets) {
            readings.set(InputId(0), Partition(partition), Reading::Running { next_offset, seen: Seen::End });
        }
        readings
    }

    #[test]
    fn a_partition_that_twice_was_not_read_is_found() {
        let place = |partition, next_offset| (InputId(0), Partition(partition), next_offset);
        let mut standstill = Standstill::new();
        assert_eq!(standstill.judge(vec![place(0, 7), place(1, 5)], &readings([7, 5])), None);
        assert_eq!(standstill.judge(vec![place(0, 7)], &readings([8, 5])), None, "it was read");
        assert_eq!(standstill.judge(vec![place(1, 5)], &readings([8, 5])), None, "nothing waited at the look before");
        assert_eq!(standstill.judge(vec![place(0, 8)], &readings([8, 5])), None, "another one");
        assert_eq!(standstill.judge(vec![place(0, 8)], &readings([8, 5])), Some(place(0, 8)));
    }

    #[test]
    fn what_is_stopped_stands_rightly() {
        let (mut standstill, mut readings) = (Standstill::new(), readings([7, 5]));
        readings.set(InputId(0), Partition(0), Reading::Stopped { next_offset: 7 });
        for _ in 0..3 {
            assert_eq!(standstill.judge(vec![(InputId(0), Partition(0), 7)], &readings), None);
        }
    }
}

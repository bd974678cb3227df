//! Batches of the driver as the journal takes them: events as bytes, and what must hold for them.

use super::{Message, Pump, schedule};
use crate::base::planted::{self, Bug};
use crate::runtime::clock;
use crate::runtime::driver::Flight;
use crate::runtime::index::{group_stream, run_stream};
use crate::store::codec::CodecError;
use crate::store::{AppendError, Batch, Guard, codec};
use std::sync::Arc;

impl Pump {
    pub(super) fn append(&mut self, flight: &Flight) {
        let number = flight.number;
        let sender = self.sender.clone();
        let (tally, begun) = (Arc::clone(&self.tally), clock::ticks());
        let answer = move |result: Result<_, _>| {
            tally.appended(result.is_ok(), clock::ticks().saturating_sub(begun));
            let _ = sender.send(Message::Appended { number, result });
        };
        match self.batch(flight) {
            Ok(batch) => self.outbox.push((batch, Box::new(answer))),
            Err(CodecError::Put(error)) => answer(Err(error)),
            Err(error) => answer(Err(AppendError::Refused(error.to_string()))),
        }
    }

    fn batch(&self, flight: &Flight) -> Result<Batch, CodecError> {
        let mut batch = Batch { guards: vec![Guard::Lease(self.journal.epoch())], ..Batch::default() };
        let guarded = !planted::has(Bug::NoGuard);
        let mut put = |bytes: &[u8]| self.journal.put_blob(bytes);
        if !flight.events.is_empty() {
            let stream = run_stream(flight.run);
            batch.guards.push(Guard::At(stream.clone(), flight.base));
            let events = flight.events.iter().map(|event| codec::encode_spilling(event, &mut put));
            batch.appends.push((stream, events.collect::<Result<_, _>>()?));
        }
        for (name, base, events) in &flight.groups {
            let stream = group_stream(name.as_str());
            batch.guards.push(Guard::At(stream.clone(), *base));
            let events = events.iter().map(codec::encode_group);
            batch.appends.push((stream, events.collect::<Result<_, _>>()?));
        }
        if let Some(row) = &flight.schedule {
            schedule::add(&mut batch, row)?;
        }
        batch.guards.retain(|_| guarded);
        Ok(batch)
    }
}

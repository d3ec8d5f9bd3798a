//! Topics: events that are routed by a name as well as by their type.

use std::any::Any;
use std::panic::Location;

use crate::builder::SubscriptionBuilder;
use crate::bus::EventBus;
use crate::error::Error;
use crate::plan::Callee;
use crate::posting::Posted;
use crate::report::Report;
use crate::subscription::Subscription;
use crate::topic::Pattern;

impl EventBus {
    /// Starts a subscription to the topics that a pattern matches, with events of type `E`.
    ///
    /// A topic is a name in dotted segments. In a pattern `*` stands for one segment, `**` for any
    /// number of them. Events that are published to a topic go to these subscriptions only, and not
    /// to those of their type; and to those for exactly their type, as elsewhere. Types stay the
    /// main road: topics are for names that are known at run time only.
    ///
    /// # Errors
    /// When the pattern is [malformed](Error::is_malformed_topic).
    ///
    /// # Examples
    /// ```
    /// use buswork::EventBus;
    ///
    /// struct Order { number: u32 }
    ///
    /// let bus = EventBus::new();
    /// bus.topic::<Order>("orders.*.placed")?
    ///     .named("audit")
    ///     .subscribe(|order: &Order| println!("placed: {}", order.number));
    /// bus.publish_to("orders.eu.placed", &Order { number: 7 })?;
    /// assert_eq!(bus.handlers_of_topic::<Order>("orders.us.placed")?.len(), 1);
    /// assert!(bus.publish_to("orders.*", &Order { number: 7 }).unwrap_err().is_malformed_topic());
    /// # Ok::<(), buswork::Error>(())
    /// ```
    pub fn topic<E: Any>(&self, pattern: &str) -> Result<SubscriptionBuilder<'_, E>, Error> {
        let pattern = Pattern::parse(pattern).map_err(Error::malformed_topic)?;
        Ok(SubscriptionBuilder::new(&self.inner, Some(pattern)))
    }

    /// [`publish`](Self::publish), to a topic.
    ///
    /// What was worked out for a topic is kept for those that were used of late, a bounded number of
    /// them, however many topics there are.
    ///
    /// # Errors
    /// As `publish`, and when the topic is [malformed](Error::is_malformed_topic).
    #[track_caller]
    pub fn publish_to<E: Any>(&self, topic: &str, event: &E) -> Result<(), Error> {
        let site = Location::caller();
        let plan = self.inner.plan_of_topic::<E, Callee<E>>(topic)?;
        self.run(&plan, event, site)
    }

    /// [`deliver`](Self::deliver), to a topic.
    ///
    /// # Errors
    /// As `deliver`, and when the topic is [malformed](Error::is_malformed_topic).
    #[track_caller]
    pub fn deliver_to<E: Any>(&self, topic: &str, event: &E) -> Result<Report, Error> {
        let site = Location::caller();
        let plan = self.inner.plan_of_topic::<E, Callee<E>>(topic)?;
        self.run_for_report(&plan, event, site)
    }

    /// [`post`](Self::post), to a topic.
    ///
    /// # Errors
    /// As `post`, and when the topic is [malformed](Error::is_malformed_topic).
    #[track_caller]
    pub fn post_to<E: Any + Send + Sync>(&self, topic: &str, event: E) -> Result<(), Error> {
        let site = Location::caller();
        let plan = self.inner.plan_of_topic::<E, Callee<E>>(topic)?;
        Posted::post(self, plan, event, site)
    }

    /// The subscriptions that an event of type `E` on this topic goes to, in call order.
    ///
    /// # Errors
    /// When the topic is [malformed](Error::is_malformed_topic).
    pub fn handlers_of_topic<E: Any>(&self, topic: &str) -> Result<Vec<Subscription>, Error> {
        let plan = self.inner.plan_of_topic::<E, Callee<E>>(topic)?;
        Ok(self.inner.subscriptions(&plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Arc;
    use crate::topic::Recent;

    #[test]
    fn however_many_topics_there_are_a_bounded_number_of_plans_is_kept() {
        let bus = EventBus::new();
        let builder = bus.topic::<u32>("topic.**").unwrap();
        let subscription = builder.subscribe(|_: &u32| {});
        for number in 0..100_000_u32 {
            bus.publish_to(&format!("topic.{number}"), &number).unwrap();
        }
        // A plan refers to an entry twice: in its steps as well.
        let plans = Arc::strong_count(&subscription.entry) / 2;
        assert!(
            (Recent::<()>::KEPT..=2 * Recent::<()>::KEPT + 2).contains(&plans),
            "{plans}"
        );
    }
}

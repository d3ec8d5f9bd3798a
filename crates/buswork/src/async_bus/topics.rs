//! Topics on the async bus.

use std::any::{Any, type_name};
use std::panic::Location;

use super::AsyncEventBus;
use super::handler::AsyncCallee;
use super::publish::Publish;
use crate::builder::SubscriptionBuilder;
use crate::error::Error;
use crate::plan::Plan;
use crate::report::Report;
use crate::subscription::Subscription;
use crate::sync::Arc;
use crate::topic::Pattern;

impl AsyncEventBus {
    /// Starts a subscription to the topics that a pattern matches, with events of type `E`; see
    /// [`EventBus::topic`](crate::EventBus::topic).
    ///
    /// # Errors
    /// When the pattern is [malformed](Error::is_malformed_topic).
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use buswork::AsyncEventBus;
    ///
    /// struct Order { number: u32 }
    ///
    /// # async fn run() -> Result<(), buswork::Error> {
    /// let bus = AsyncEventBus::new();
    /// bus.topic::<Order>("orders.*.placed")?
    ///     .subscribe(async |order: Arc<Order>| println!("placed: {}", order.number));
    /// bus.publish_to("orders.eu.placed", Order { number: 7 }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn topic<E: Any + Send + Sync>(
        &self,
        pattern: &str,
    ) -> Result<SubscriptionBuilder<'_, E, Self>, Error> {
        let pattern = Pattern::parse(pattern).map_err(Error::malformed_topic)?;
        Ok(SubscriptionBuilder::new(&self.inner, Some(pattern)))
    }

    /// [`publish`](Self::publish), to a topic. Its handlers are those that are subscribed when this is
    /// called.
    ///
    /// # Errors
    /// As `publish`, and when the topic is [malformed](Error::is_malformed_topic).
    #[track_caller]
    pub fn publish_to<E: Any + Send + Sync>(
        &self,
        topic: &str,
        event: E,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<E> {
        let publish = Publish::new(self, Arc::new(event), Location::caller());
        let plan = self.plan_of_topic::<E>(topic);
        async { publish.on_plan(plan?).await.result }
    }

    /// [`deliver`](Self::deliver), to a topic. Its handlers are those that are subscribed when this is
    /// called.
    ///
    /// # Errors
    /// As `deliver`, and when the topic is [malformed](Error::is_malformed_topic).
    #[track_caller]
    pub fn deliver_to<E: Any + Send + Sync>(
        &self,
        topic: &str,
        event: E,
    ) -> impl Future<Output = Result<Report, Error>> + Send + use<E> {
        let publish = Publish::new(self, Arc::new(event), Location::caller()).reported();
        let plan = self.plan_of_topic::<E>(topic);
        async { publish.on_plan(plan?).await.into_report(type_name::<E>()) }
    }

    /// The subscriptions that an event of type `E` on this topic goes to, in call order.
    ///
    /// # Errors
    /// When the topic is [malformed](Error::is_malformed_topic).
    pub fn handlers_of_topic<E: Any + Send + Sync>(
        &self,
        topic: &str,
    ) -> Result<Vec<Subscription>, Error> {
        let plan = self.plan_of_topic::<E>(topic)?;
        Ok(self.inner.subscriptions(&plan))
    }

    pub(crate) fn plan_of_topic<E: Any + Send + Sync>(
        &self,
        topic: &str,
    ) -> Result<Arc<Plan>, Error> {
        self.inner.plan_of_topic::<E, AsyncCallee<E>>(topic)
    }
}

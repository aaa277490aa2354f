//! What the cluster agrees on: the records of its log, the image they make, and the decisions
//! that write new ones.
//!
//! A [`MetadataRecord`] is one change. [`MetadataImage::apply`] is the only thing that turns
//! records into state; it yields the next image and a [`MetadataDelta`] that says what a broker
//! must act on. [`Controller`] looks at an image and a request and returns a [`Decision`]: the
//! records to append and the response to give once they are committed. It changes nothing
//! itself, so a record that could not be appended leaves no trace.

mod broker_list;
pub mod codec;
mod config;
mod controller;
mod image;
pub mod kafka;
pub mod limits;
mod partition;
mod quota;
mod record;
mod tree;

pub use broker_list::BrokerList;
pub use codec::DecodeError;
pub use config::{ConfigMap, ConfigResource, ConfigResourceType};
pub use controller::{
    AlterConfigsError, AlterPartitionError, AssignmentError, BrokerError, ConfigChange,
    ConfigLeftOut, ConfigRules, Controller, ControllerSettings, CreatePartitionsError,
    CreateTopicError, CreatedTopic, Decision, DeleteTopicError, DeletedTopic, ElectLeadersError,
    Election, ElectionResult, FeatureUpdate, Import, ImportError, ImportedPartition, ImportedTopic,
    IsrChange, Mode, NewTopic, OngoingReassignment, PartitionIncrease, PlacementError,
    PreviousStop, ProducerIdBlock, ProducerIdsError, QuotaAlteration, QuotaError,
    ReassignmentError, RegistrationError, ResourceKeys, TopicRef, UpdateDirection,
    UpdateFeaturesError,
};
pub use image::{ApplyError, MetadataDelta, MetadataImage, TopicDelta};
pub use partition::{PartitionImage, Reassignment, TopicImage};
pub use quota::{QuotaEntity, QuotaEntityType, QuotaFilter, QuotaMap, QuotaMatch};
pub use record::{
    BrokerChange, BrokerRegistration, BrokerState, ClientQuotaRecord, ClusterRecord, ConfigRecord,
    FeatureLevelRecord, FeatureRange, Listener, MetadataRecord, PartitionChange, PartitionRecord,
    ProducerIdsRecord, TopicRecord,
};
pub use tree::SharedMap;

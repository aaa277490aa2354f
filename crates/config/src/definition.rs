//! What is known of a key before anybody sets it: type, default, bounds, and what it is for.

/// Whose key it is. The same name may exist for a broker and for a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// A key of the process.
    Broker,
    /// A key that each topic may override.
    Topic,
    /// A key that each group may override.
    Group,
    /// A key of a subscription to metrics of clients.
    ClientMetrics,
}

/// The type under which DescribeConfigs announces a value, and by which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`, in any case.
    Boolean,
    /// Any text.
    String,
    /// A signed 32-bit integer.
    Int,
    /// A signed 16-bit integer.
    Short,
    /// A signed 64-bit integer.
    Long,
    /// A floating-point number.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class; kept as text.
    Class,
    /// A text that is never shown.
    Password,
}

impl ValueType {
    /// The code of the type on the wire (DescribeConfigs 3 and later).
    pub const fn wire_code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// The name of the type as Kafka's tools print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// Which of the values of a type a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// Every value of the type.
    Any,
    /// An integer, not below this.
    AtLeast(i64),
    /// An integer within these bounds, both included.
    Between(i64, i64),
    /// A number within these bounds, both included.
    Ratio(f64, f64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts, in upper or lower case.
    OneOfAnyCase(&'static [&'static str]),
    /// A list of some of these texts, none of them twice.
    ListOf(&'static [&'static str]),
    /// A text or list that is not empty.
    NonEmpty,
    /// The levels of gzip: 1 to 9, or −1 for the default of the codec.
    GzipLevel,
    /// `*`, or a list of `partition:broker` pairs.
    ThrottledReplicas,
    /// `latest`, `earliest` or `by_duration:` and an ISO 8601 duration.
    OffsetReset,
    /// A list of `name=pattern`, by which clients are told apart.
    ClientPatterns,
}

/// When a change of the key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateMode {
    /// Only at the next start; the wire calls this read-only.
    AtStart,
    /// At once, for one broker at a time.
    PerBroker,
    /// At once, for one broker or for all.
    ClusterWide,
}

/// How much the choice of a value matters, in Kafka's grades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Rarely set.
    Low,
    /// Set where a default does not fit.
    Medium,
    /// To be known by whoever runs a broker.
    High,
}

/// Whether Highwater acts on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The value changes what the broker does.
    Effective,
    /// The value is checked, kept and described for tools, and changes nothing yet.
    Accepted,
}

/// How the value of a broker key becomes that of the topic or group key that falls back on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Unchanged.
    Same,
    /// Minutes to milliseconds.
    Minutes,
    /// Hours to milliseconds.
    Hours,
}

impl Scale {
    /// How many milliseconds one unit of the broker key has, or 1.
    pub const fn factor(self) -> i64 {
        match self {
            Self::Same => 1,
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
        }
    }
}

/// A broker key on which a topic or group key falls back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The broker key.
    pub name: &'static str,
    /// How its value is converted.
    pub scale: Scale,
}

/// One key. The tables under `keys` hold all of them.
#[derive(Clone, Copy, Debug)]
pub struct KeyDef {
    /// The name as Kafka spells it.
    pub name: &'static str,
    /// Whose key it is.
    pub kind: KeyKind,
    /// The type of the value.
    pub value_type: ValueType,
    /// The value if nobody sets one; `None` is Kafka's null.
    pub default: Option<&'static str>,
    /// Which values are taken.
    pub allowed: Allowed,
    /// When a change takes effect; topic and group keys change at once.
    pub update: UpdateMode,
    /// The key cannot stand in a file: it is only ever set through the admin API.
    pub dynamic_only: bool,
    /// Kafka's tools do not show the key unless it is set.
    pub internal: bool,
    /// How much the choice matters.
    pub importance: Importance,
    /// Whether Highwater acts on it.
    pub effect: Effect,
    /// On which broker keys a topic or group key falls back, the first that is set wins.
    pub synonyms: &'static [Synonym],
    /// What it does, with unit.
    pub doc: &'static str,
}

impl KeyDef {
    const fn new(kind: KeyKind, name: &'static str, value_type: ValueType) -> Self {
        Self {
            name,
            kind,
            value_type,
            default: None,
            allowed: Allowed::Any,
            update: UpdateMode::AtStart,
            dynamic_only: false,
            internal: false,
            importance: Importance::Medium,
            effect: Effect::Accepted,
            synonyms: &[],
            doc: "",
        }
    }

    /// Whether the value is never shown.
    pub fn is_sensitive(&self) -> bool {
        self.value_type == ValueType::Password
    }

    /// Whether a change needs a restart.
    pub fn is_read_only(&self) -> bool {
        self.kind == KeyKind::Broker && self.update == UpdateMode::AtStart
    }

    pub(crate) const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    pub(crate) const fn allowed(mut self, allowed: Allowed) -> Self {
        self.allowed = allowed;
        self
    }

    pub(crate) const fn at_least(self, min: i64) -> Self {
        self.allowed(Allowed::AtLeast(min))
    }

    pub(crate) const fn between(self, min: i64, max: i64) -> Self {
        self.allowed(Allowed::Between(min, max))
    }

    pub(crate) const fn per_broker(mut self) -> Self {
        self.update = UpdateMode::PerBroker;
        self
    }

    pub(crate) const fn cluster_wide(mut self) -> Self {
        self.update = UpdateMode::ClusterWide;
        self
    }

    pub(crate) const fn dynamic_only(mut self) -> Self {
        self.dynamic_only = true;
        self.cluster_wide()
    }

    pub(crate) const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    pub(crate) const fn high(mut self) -> Self {
        self.importance = Importance::High;
        self
    }

    pub(crate) const fn low(mut self) -> Self {
        self.importance = Importance::Low;
        self
    }

    pub(crate) const fn effective(mut self) -> Self {
        self.effect = Effect::Effective;
        self
    }

    pub(crate) const fn falls_back_on(mut self, synonyms: &'static [Synonym]) -> Self {
        self.synonyms = synonyms;
        self
    }

    pub(crate) const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }
}

pub(crate) const fn broker(name: &'static str, value_type: ValueType) -> KeyDef {
    KeyDef::new(KeyKind::Broker, name, value_type)
}

pub(crate) const fn topic(name: &'static str, value_type: ValueType) -> KeyDef {
    KeyDef::new(KeyKind::Topic, name, value_type)
}

pub(crate) const fn group(name: &'static str, value_type: ValueType) -> KeyDef {
    KeyDef::new(KeyKind::Group, name, value_type)
}

pub(crate) const fn client_metrics(name: &'static str, value_type: ValueType) -> KeyDef {
    KeyDef::new(KeyKind::ClientMetrics, name, value_type)
}

pub(crate) const fn same(name: &'static str) -> Synonym {
    Synonym {
        name,
        scale: Scale::Same,
    }
}

pub(crate) const fn hours(name: &'static str) -> Synonym {
    Synonym {
        name,
        scale: Scale::Hours,
    }
}

pub(crate) const fn minutes(name: &'static str) -> Synonym {
    Synonym {
        name,
        scale: Scale::Minutes,
    }
}

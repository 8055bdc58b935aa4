//! Which fields somebody reads.

use hashbrown::HashSet;

use crate::plan::{Field, Plan};

/// The fields that somebody reads: decoders may leave out all others.
///
/// What is refused never depends on it. The service and the time are always read.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    all: bool,
    pub(super) host: bool,
    pub(super) state: bool,
    pub(super) description: bool,
    pub(super) metric: bool,
    pub(super) tags: bool,
    pub(super) ttl: bool,
    attributes: Attributes,
}

/// A few names are compared one by one, which is faster than a hash.
#[derive(Clone, Debug)]
enum Attributes {
    Few(Vec<Box<[u8]>>),
    Many(HashSet<Box<[u8]>>),
}

const FEW: usize = 8;

impl Wanted {
    /// Every field.
    pub fn all() -> Wanted {
        Wanted {
            all: true,
            host: true,
            state: true,
            description: true,
            metric: true,
            tags: true,
            ttl: true,
            attributes: Attributes::default(),
        }
    }

    /// What the thresholds of a plan read.
    pub fn of_plan(plan: &Plan) -> Wanted {
        Wanted::of_plans([plan])
    }

    /// What the thresholds of several plans read.
    pub fn of_plans<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Wanted {
        let mut fields: Vec<&Field> = Vec::new();
        for threshold in plans.into_iter().flat_map(|plan| &plan.thresholds) {
            fields.push(threshold.measure.field());
            fields.extend(&threshold.group_by);
            if let Some(filter) = &threshold.filter {
                filter.fields(&mut fields);
            }
        }
        Wanted::of(fields)
    }

    /// These fields too.
    pub fn and(self, fields: &[&Field]) -> Wanted {
        if self.all {
            return self;
        }
        let mut all: Vec<Field> = fields.iter().map(|field| (*field).clone()).collect();
        let own = [
            (self.host, Field::Host),
            (self.state, Field::State),
            (self.description, Field::Description),
            (self.metric, Field::Metric),
            (self.tags, Field::Tags),
            (self.ttl, Field::Ttl),
        ];
        all.extend(own.into_iter().filter(|(wanted, _)| *wanted).map(|(_, field)| field));
        let names =
            self.attribute_names().into_iter().map(|name| Field::Attribute(String::from_utf8_lossy(name).into()));
        all.extend(names);
        Wanted::of(&all)
    }

    /// Whether somebody reads a field.
    pub fn field(&self, field: &Field) -> bool {
        match field {
            Field::Service | Field::Time => true,
            Field::Host => self.host,
            Field::State => self.state,
            Field::Description => self.description,
            Field::Metric => self.metric,
            Field::Tags => self.tags,
            Field::Ttl => self.ttl,
            Field::Attribute(name) => self.attribute(name.as_bytes()),
        }
    }

    /// The host too.
    pub fn and_host(self) -> Wanted {
        Wanted { host: true, ..self }
    }

    /// These fields.
    pub fn of<'f>(fields: impl IntoIterator<Item = &'f Field>) -> Wanted {
        let mut wanted = Wanted::default();
        let mut names: HashSet<Box<[u8]>> = HashSet::new();
        for field in fields {
            match field {
                Field::Service | Field::Time => {}
                Field::Host => wanted.host = true,
                Field::State => wanted.state = true,
                Field::Description => wanted.description = true,
                Field::Metric => wanted.metric = true,
                Field::Tags => wanted.tags = true,
                Field::Ttl => wanted.ttl = true,
                Field::Attribute(name) => {
                    names.insert(name.as_bytes().into());
                }
            }
        }
        wanted.attributes = match names.len() {
            0..=FEW => Attributes::Few(names.into_iter().collect()),
            _ => Attributes::Many(names),
        };
        wanted
    }

    /// Whether every field is read.
    pub(super) fn takes_all(&self) -> bool {
        self.all
    }

    /// The names of attributes that somebody reads; none where all are read.
    pub(super) fn attribute_names(&self) -> Vec<&[u8]> {
        match &self.attributes {
            Attributes::Few(names) => names.iter().map(AsRef::as_ref).collect(),
            Attributes::Many(names) => names.iter().map(AsRef::as_ref).collect(),
        }
    }

    /// Whether somebody reads the attribute of this name.
    #[inline(always)]
    pub fn attribute(&self, name: &[u8]) -> bool {
        self.all
            || match &self.attributes {
                Attributes::Few(names) => names.iter().any(|wanted| wanted.as_ref() == name),
                Attributes::Many(names) => names.contains(name),
            }
    }
}

impl Default for Attributes {
    fn default() -> Attributes {
        Attributes::Few(Vec::new())
    }
}

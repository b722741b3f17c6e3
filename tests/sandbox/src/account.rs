//! What one account holds: products, versions, environments, deployments and events. It keeps the books and knows no
//! rule.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock;
use crate::status::{Status, Subject};

/// One account's state, each list in order of creation.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Account {
    pub(crate) products: Vec<Named>,
    pub(crate) environments: Vec<Named>,
    pub(crate) versions: Vec<Version>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) events: Vec<Value>,
}

/// Something with a name and an id.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A version of a product.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) product_id: String,
    pub(crate) version: String,
    pub(crate) scm_sha: Option<String>,
    pub(crate) build: Option<Build>,
}

/// The build of a version.
#[derive(Debug, Serialize)]
pub(crate) struct Build {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) started_at: Option<String>,
    pub(crate) completed_at: Option<String>,
    pub(crate) extra_metadata: Map<String, Value>,
}

/// A deployment of a version to an environment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) product_id: String,
    pub(crate) version_id: String,
    pub(crate) environment_id: String,
    pub(crate) status: Status,
    #[serde(serialize_with = "as_utc")]
    pub(crate) started_at: Timestamp,
    /// When it reached its status.
    #[serde(serialize_with = "as_utc")]
    pub(crate) deployed_at: Timestamp,
    pub(crate) invoke_id: Option<String>,
    pub(crate) extra_metadata: Map<String, Value>,
}

/// The ids of what an event names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) product_id: String,
    pub(crate) version_id: String,
    pub(crate) environment_id: String,
}

impl Account {
    /// The product's id; makes the product if need be.
    pub(crate) fn product(&mut self, name: &str) -> String {
        named(&mut self.products, name)
    }

    /// The environment's id; makes the environment if need be.
    pub(crate) fn environment(&mut self, name: &str) -> String {
        named(&mut self.environments, name)
    }

    /// The version, which is made if need be.
    pub(crate) fn version(&mut self, product_id: &str, version: &str) -> &mut Version {
        let known = self.versions.iter().position(|known| known.product_id == product_id && known.version == version);
        let index = known.unwrap_or_else(|| {
            self.versions.push(Version {
                id: new_id(),
                product_id: product_id.to_owned(),
                version: version.to_owned(),
                scm_sha: None,
                build: None,
            });
            self.versions.len() - 1
        });
        &mut self.versions[index]
    }

    /// The ids of what an event names; makes what is missing.
    pub(crate) fn place(&mut self, product: &str, version: &str, environment: &str) -> Place {
        let product_id = self.product(product);
        let version_id = self.version(&product_id, version).id.clone();
        Place { version_id, environment_id: self.environment(environment), product_id }
    }

    /// The version's commit, if version and commit are known.
    pub(crate) fn known_sha(&self, product: &str, version: &str) -> Option<&str> {
        let product_id = id_of(&self.products, product)?;
        let mut versions = self.versions.iter();
        versions.find(|known| known.product_id == product_id && known.version == version)?.scm_sha.as_deref()
    }

    /// Deployments of a product to an environment.
    pub(crate) fn deployments_to(&self, product: &str, environment: &str) -> impl Iterator<Item = &Deployment> {
        let (product_id, environment_id) = (id_of(&self.products, product), id_of(&self.environments, environment));
        self.deployments.iter().filter(move |deployment| {
            Some(deployment.product_id.as_str()) == product_id
                && Some(deployment.environment_id.as_str()) == environment_id
        })
    }

    /// When a version was last completed in an environment.
    pub(crate) fn completed_at(&self, product: &str, version: &str, environment: &str) -> Option<Timestamp> {
        self.deployments_to(product, environment)
            .filter(|deployment| deployment.status == Status::Completed)
            .filter(|deployment| self.versions.iter().any(|v| v.id == deployment.version_id && v.version == version))
            .map(|deployment| deployment.deployed_at)
            .max()
    }

    /// Notes an event and returns its id.
    pub(crate) fn note(&mut self, subject: Subject, what: &str, at: Timestamp, details: Value) -> String {
        let id = new_id();
        let mut event = json!({ "id": id, "type": format!("{}.{what}", subject.word()), "at": clock::utc(at) });
        if let (Some(event), Value::Object(details)) = (event.as_object_mut(), details) {
            event.extend(details);
        }
        self.events.push(event);
        id
    }
}

impl Deployment {
    /// A deployment that begins at `at`.
    pub(crate) fn new(place: Place, status: Status, at: Timestamp) -> Self {
        Self {
            id: new_id(),
            product_id: place.product_id,
            version_id: place.version_id,
            environment_id: place.environment_id,
            status,
            started_at: at,
            deployed_at: at,
            invoke_id: None,
            extra_metadata: Map::new(),
        }
    }

    /// Whether it is an unfinished deployment of this version to this environment.
    pub(crate) fn is_open_at(&self, place: &Place) -> bool {
        !self.status.is_final()
            && self.product_id == place.product_id
            && self.version_id == place.version_id
            && self.environment_id == place.environment_id
    }
}

/// A fresh id in the API's form.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn id_of<'a>(list: &'a [Named], name: &str) -> Option<&'a str> {
    list.iter().find(|known| known.name == name).map(|known| known.id.as_str())
}

fn named(list: &mut Vec<Named>, name: &str) -> String {
    if let Some(id) = id_of(list, name) {
        return id.to_owned();
    }
    let id = new_id();
    list.push(Named { id: id.clone(), name: name.to_owned() });
    id
}

fn as_utc<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::utc(*at))
}

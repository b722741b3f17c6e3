//! The data of one account: products, versions, environments, deployments and events. It knows nothing about rules.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock;
use crate::status::{EventType, Status};

/// The data of one account. Each list is in order of creation.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Account {
    pub(crate) products: Vec<NamedResource>,
    pub(crate) environments: Vec<NamedResource>,
    pub(crate) versions: Vec<Version>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) events: Vec<Value>,
}

/// A product or an environment.
#[derive(Debug, Serialize)]
pub(crate) struct NamedResource {
    pub(crate) id: String,
    pub(crate) name: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) product_id: String,
    pub(crate) version: String,
    pub(crate) scm_sha: Option<String>,
    pub(crate) build: Option<Build>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Build {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) started_at: Option<String>,
    pub(crate) completed_at: Option<String>,
    pub(crate) extra_metadata: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) product_id: String,
    pub(crate) version_id: String,
    pub(crate) environment_id: String,
    pub(crate) status: Status,
    #[serde(serialize_with = "as_utc")]
    pub(crate) started_at: Timestamp,
    /// When the deployment reached its status.
    #[serde(serialize_with = "as_utc")]
    pub(crate) deployed_at: Timestamp,
    pub(crate) invoke_id: Option<String>,
    pub(crate) extra_metadata: Map<String, Value>,
}

/// The ids of an event's product, version and environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) product_id: String,
    pub(crate) version_id: String,
    pub(crate) environment_id: String,
}

impl Account {
    /// Returns the product's id; creates the product if it is new.
    pub(crate) fn product_id(&mut self, name: &str) -> String {
        find_or_create(&mut self.products, name)
    }

    /// Returns the environment's id; creates the environment if it is new.
    pub(crate) fn environment_id(&mut self, name: &str) -> String {
        find_or_create(&mut self.environments, name)
    }

    /// Returns the version; creates it if it is new.
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

    /// Returns the ids of a product, version and environment; creates what is new.
    pub(crate) fn target(&mut self, product: &str, version: &str, environment: &str) -> Target {
        let product_id = self.product_id(product);
        let version_id = self.version(&product_id, version).id.clone();
        Target { version_id, environment_id: self.environment_id(environment), product_id }
    }

    /// The version's commit, if both are known.
    pub(crate) fn known_sha(&self, product: &str, version: &str) -> Option<&str> {
        let product_id = id_of(&self.products, product)?;
        let mut versions = self.versions.iter();
        versions.find(|known| known.product_id == product_id && known.version == version)?.scm_sha.as_deref()
    }

    pub(crate) fn deployments_to(&self, product: &str, environment: &str) -> impl Iterator<Item = &Deployment> {
        let (product_id, environment_id) = (id_of(&self.products, product), id_of(&self.environments, environment));
        self.deployments.iter().filter(move |deployment| {
            Some(deployment.product_id.as_str()) == product_id
                && Some(deployment.environment_id.as_str()) == environment_id
        })
    }

    /// Whether the version has a deployment to the environment that has not ended.
    pub(crate) fn has_open_deployment(&self, product: &str, version: &str, environment: &str) -> bool {
        self.deployments_of(product, version, environment).any(|deployment| !deployment.status.is_terminal())
    }

    fn deployments_of(&self, product: &str, version: &str, environment: &str) -> impl Iterator<Item = &Deployment> {
        self.deployments_to(product, environment).filter(move |deployment| {
            self.versions.iter().any(|v| v.id == deployment.version_id && v.version == version)
        })
    }

    /// When the version was last completed in the environment.
    pub(crate) fn completed_at(&self, product: &str, version: &str, environment: &str) -> Option<Timestamp> {
        self.deployments_of(product, version, environment)
            .filter(|deployment| deployment.status == Status::Completed)
            .map(|deployment| deployment.deployed_at)
            .max()
    }

    /// Records an event and returns its id.
    pub(crate) fn record_event(
        &mut self,
        event_type: EventType,
        action: &str,
        at: Timestamp,
        details: Value,
    ) -> String {
        let id = new_id();
        let mut event = json!({ "id": id, "type": format!("{}.{action}", event_type.word()), "at": clock::utc(at) });
        if let (Some(event), Value::Object(details)) = (event.as_object_mut(), details) {
            event.extend(details);
        }
        self.events.push(event);
        id
    }
}

impl Deployment {
    pub(crate) fn new(target: Target, status: Status, started_at: Timestamp) -> Self {
        Self {
            id: new_id(),
            product_id: target.product_id,
            version_id: target.version_id,
            environment_id: target.environment_id,
            status,
            started_at,
            deployed_at: started_at,
            invoke_id: None,
            extra_metadata: Map::new(),
        }
    }

    /// Whether this is a deployment to `target` that has not ended.
    pub(crate) fn is_open_for(&self, target: &Target) -> bool {
        !self.status.is_terminal()
            && self.product_id == target.product_id
            && self.version_id == target.version_id
            && self.environment_id == target.environment_id
    }
}

/// A new random id; like the API's ids, a UUID.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn id_of<'a>(list: &'a [NamedResource], name: &str) -> Option<&'a str> {
    list.iter().find(|known| known.name == name).map(|known| known.id.as_str())
}

fn find_or_create(list: &mut Vec<NamedResource>, name: &str) -> String {
    if let Some(id) = id_of(list, name) {
        return id.to_owned();
    }
    let id = new_id();
    list.push(NamedResource { id: id.clone(), name: name.to_owned() });
    id
}

fn as_utc<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::utc(*at))
}

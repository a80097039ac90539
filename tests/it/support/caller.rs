//! Who calls: nobody, a person with a role, or a key.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Answer, http::Ask};

/// Somebody at the front door of one Ostler.
#[derive(Clone, Debug)]
pub struct Caller {
    pub address: SocketAddr,
    /// The value that every process of the test carries in its environment.
    pub tag: String,
    pub token: Option<String>,
    pub id: String,
    pub email: String,
    pub password: String,
}

impl Caller {
    /// Somebody without credentials.
    pub fn anonymous(address: SocketAddr, tag: &str) -> Self {
        let nobody = String::new;
        Self { address, tag: tag.into(), token: None, id: nobody(), email: nobody(), password: nobody() }
    }

    /// The same person with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Logs in, and is that person from then on.
    #[track_caller]
    pub fn log_in(&self, email: &str, password: &str) -> Self {
        let answer = self.try_log_in(email, password).is(200);
        Self {
            token: Some(answer.string("/token")),
            id: answer.string("/user/id"),
            email: email.into(),
            password: password.into(),
            ..self.clone()
        }
    }

    /// Tries a login.
    #[track_caller]
    pub fn try_log_in(&self, email: &str, password: &str) -> Answer {
        Ask::new(self.address, "POST", "/api/auth/login").json(&json!({"email": email, "password": password})).send()
    }

    /// Makes an account with a role, and logs in with it. The caller must be allowed to.
    #[track_caller]
    pub fn make_user(&self, name: &str, role: &str) -> Self {
        let (email, password) = (format!("{name}@test.example"), format!("correct-horse-{name}-battery"));
        let account = json!({"email": email, "name": name, "password": password, "role": role});
        self.post("/api/auth/users", account).is(201);
        self.log_in(&email, &password)
    }

    /// Makes an API key of one's own with these permissions, under a name that nobody has yet, and uses it.
    #[track_caller]
    pub fn make_key(&self, permissions: &[&str]) -> Self {
        let name = uuid::Uuid::new_v4().to_string();
        let answer = self.post("/api/auth/keys", json!({"name": name, "permissions": permissions})).is(201);
        self.with_token(&secret_of(&answer))
    }

    /// A request with this caller's credentials.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        let ask = Ask::new(self.address, method, path);
        match &self.token {
            Some(token) => ask.header("Authorization", &format!("Bearer {token}")),
            None => ask,
        }
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send()
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path).json(&body).send()
    }

    #[track_caller]
    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.ask("PUT", path).json(&body).send()
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path).send()
    }

    /// Posts without a body.
    #[track_caller]
    pub fn press(&self, path: &str) -> Answer {
        self.ask("POST", path).send()
    }
}

/// The key in the answer that shows it, the only time.
#[track_caller]
pub fn secret_of(answer: &Answer) -> String {
    let places = ["/secret", "/key", "/token"];
    let found = places.iter().find_map(|place| answer.json.pointer(place)?.as_str());
    found.unwrap_or_else(|| panic!("no key in {answer:?}")).to_owned()
}

//! The challenge of an answer that was refused: where to get a token, and for what (RFC 9728; specification,
//! basic/authorization).

use actix_web::{
    dev::ServiceResponse,
    http::{StatusCode, header},
};

use crate::{
    Runtime,
    model::{Credential, Permission, PermissionSet, Principal},
    policy::permission::{covers, name, of_role},
    web::{json_rpc, mount},
};

/// Path of the protected resource metadata.
const METADATA_PATH: &str = "/.well-known/oauth-protected-resource/mcp";

/// Permissions that an MCP client needs. More are asked for by the challenge of the request that needs them.
pub(crate) const CLIENT_PERMISSIONS: [Permission; 2] = [Permission::McpRead, Permission::McpExecute];

/// Says in an answer under `/mcp` that was refused how to get a token that is not: where, and for which scopes.
pub(super) fn challenge<B>(answer: &mut ServiceResponse<B>, runtime: Option<&Runtime>, who: Option<&Principal>) {
    if !json_rpc::is_endpoint(mount::path_below(answer.request())) {
        return;
    }
    let Some(resource) = runtime.and_then(|runtime| runtime.accounts().protected_resource()) else { return };
    let wanted = match answer.status() {
        StatusCode::UNAUTHORIZED => Some(CLIENT_PERMISSIONS.into_iter().collect()),
        StatusCode::FORBIDDEN => who.and_then(missing),
        _ => None,
    };
    let Some(scopes) = wanted else { return };
    let error = match (answer.status(), answer.request().headers().contains_key(header::AUTHORIZATION)) {
        (StatusCode::FORBIDDEN, _) => r#"error="insufficient_scope", "#,
        (_, true) => r#"error="invalid_token", "#,
        (_, false) => "",
    };
    let scope = scopes.iter().map(name).collect::<Vec<_>>().join(" ");
    let host = answer.request().headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let place = place(resource.resource, host.unwrap_or_default(), mount::path(answer.request()));
    let value = format!(r#"Bearer {error}resource_metadata="{place}", scope="{scope}""#);
    if let Ok(value) = header::HeaderValue::from_str(&value) {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
}

/// The scopes of a better token, where a better one is to be had: its holder's role allows more than the token does.
fn missing(who: &Principal) -> Option<PermissionSet> {
    let Credential::Token(_) = who.credential else { return None };
    let needed: PermissionSet = CLIENT_PERMISSIONS.into_iter().collect();
    let narrowed = !covers(&who.permissions, &needed) && covers(&of_role(who.role), &needed);
    narrowed.then(|| who.permissions.iter().chain(CLIENT_PERMISSIONS).collect())
}

/// The URL of the metadata, below that of the URL table: as the URL of the resource tells it; else at its host, or at
/// that of the request if its name is no URL.
fn place(resource: &str, host: &str, mount_path: &str) -> String {
    let origin = resource.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.split('/').next().filter(|authority| !authority.is_empty())?;
        matches!(scheme, "http" | "https").then(|| format!("{scheme}://{authority}"))
    });
    let base = match (origin, resource.strip_suffix("/mcp")) {
        (Some(_), Some(base)) => base.to_owned(),
        (origin, _) => origin.unwrap_or_else(|| format!("http://{host}")) + mount_path,
    };
    format!("{base}{METADATA_PATH}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_where_the_resource_is() {
        for (resource, mount_path, base) in [
            ("https://o.example:8443/mcp", "", "https://o.example:8443"),
            ("https://o.example/tools/mcp", "/tools", "https://o.example/tools"),
            // A proxy cuts the prefix.
            ("https://o.example/tools/mcp", "", "https://o.example/tools"),
            ("https://o.example", "/tools", "https://o.example/tools"),
            ("api://ostler", "", "http://localhost:3010"),
            ("api://ostler", "/tools", "http://localhost:3010/tools"),
        ] {
            assert_eq!(place(resource, "localhost:3010", mount_path), format!("{base}{METADATA_PATH}"), "{resource}");
        }
    }
}

//! The tables as both databases have them; `migrations/` makes them.

diesel::table! {
    users (id) {
        id -> Text,
        email -> Text,
        name -> Text,
        role -> Text,
        disabled -> Bool,
        password_hash -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    mcp_sessions (id) {
        id -> Text,
        user_id -> Text,
        state -> Text,
        used_at -> Timestamp,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        user_id -> Text,
        name -> Text,
        prefix -> Text,
        hash -> Text,
        permissions -> Nullable<Text>,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
        parent_id -> Nullable<Text>,
    }
}

diesel::table! {
    mcp_servers (id) {
        id -> Text,
        user_id -> Text,
        name -> Text,
        description -> Nullable<Text>,
        command -> Text,
        args -> Text,
        env -> Text,
        enabled -> Bool,
        health_status -> Text,
        total_calls -> BigInt,
        total_errors -> BigInt,
        total_execution_time -> BigInt,
        last_used_at -> Nullable<Timestamp>,
        last_health_check -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        deleted_at -> Nullable<Timestamp>,
        settings -> Text,
        headers -> Nullable<Text>,
        held_bytes -> Nullable<Text>,
    }
}

diesel::table! {
    server_catalogues (server_id) {
        server_id -> Text,
        catalogue -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    server_consents (server_id) {
        server_id -> Text,
        consent -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    server_packages (server_id) {
        server_id -> Text,
        package -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    server_pins (server_id) {
        server_id -> Text,
        pins -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    server_templates (server_id) {
        server_id -> Text,
        template_id -> Text,
        answers -> Text,
    }
}

diesel::table! {
    templates (id) {
        id -> Text,
        user_id -> Nullable<Text>,
        name -> Text,
        template -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    user_secrets (user_id, name) {
        user_id -> Text,
        name -> Text,
        sealed -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    server_shares (server_id, user_id) {
        server_id -> Text,
        user_id -> Text,
        permissions -> Text,
    }
}

diesel::table! {
    mcp_tool_calls (server_id, id) {
        id -> Text,
        server_id -> Text,
        user_id -> Text,
        tool_name -> Text,
        parameters -> Text,
        response -> Nullable<Text>,
        success -> Bool,
        error_message -> Nullable<Text>,
        execution_time -> BigInt,
        created_at -> Timestamp,
        waited -> BigInt,
        trace_id -> Nullable<Text>,
        parameters_length -> Nullable<BigInt>,
        parameters_sha256 -> Nullable<Text>,
        response_length -> Nullable<BigInt>,
        response_sha256 -> Nullable<Text>,
    }
}

diesel::table! {
    call_bytes (hour, user_id, server_id) {
        hour -> BigInt,
        user_id -> Text,
        server_id -> Text,
        bytes -> BigInt,
    }
}

diesel::table! {
    call_bytes_backlog (server_id) {
        server_id -> Text,
        before_id -> Text,
    }
}

diesel::table! {
    call_rollups (step, server_id, tool_name, start) {
        step -> SmallInt,
        server_id -> Text,
        tool_name -> Text,
        start -> BigInt,
        calls -> BigInt,
        errors -> BigInt,
        execution_time -> BigInt,
        latencies -> Binary,
    }
}

diesel::table! {
    rollup_marks (step) {
        step -> SmallInt,
        through -> BigInt,
    }
}

diesel::table! {
    health_history (server_id, at, health_status) {
        server_id -> Text,
        at -> Timestamp,
        health_status -> Text,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    audit_chain (seq) {
        seq -> BigInt,
        entry_id -> Text,
        hash -> Text,
    }
}

diesel::table! {
    audit_logs (id) {
        id -> Text,
        created_at -> Timestamp,
        actor_id -> Nullable<Text>,
        actor -> Text,
        action -> Text,
        target -> Nullable<Text>,
        outcome -> Text,
        detail -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
        credential -> Nullable<Text>,
    }
}

diesel::table! {
    gateway_services (name) {
        name -> Text,
        spec -> Text,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    heartbeat (id) {
        id -> Integer,
        beat_at -> Timestamp,
    }
}

diesel::table! {
    occupancy (id) {
        id -> Integer,
        holder -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    mcp_servers,
    server_catalogues,
    server_consents,
    server_packages,
    server_pins,
    server_shares,
    server_templates
);

diesel::allow_tables_to_appear_in_same_query!(audit_chain, audit_logs);

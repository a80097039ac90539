//! The settings of what the processes of a server may use.

use ostler::model::Limits;

use crate::cli::{
    config::Config,
    settings::setting::{Setting, SettingType, set},
    show, value,
};

fn of(config: &mut Config) -> &mut Limits {
    &mut config.runtime.servers.limits
}

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "mcp.memory_mb",
        variable: "MCP_MEMORY_MB",
        flag: "mcp-memory-mb",
        kind: SettingType::Whole,
        help: "Memory in MiB that the processes of a server may use, unless it names its own limit; 0: no limit",
        put: |config, text| set(&mut of(config).memory_mb, value::bound(text, 16..=1 << 20)),
        show: |config| show::bound(config.runtime.servers.limits.memory_mb),
    },
    Setting {
        key: "mcp.processes",
        variable: "MCP_PROCESSES",
        flag: "mcp-processes",
        kind: SettingType::Whole,
        help: "Processes and threads that a server may have, unless it names its own limit; 0: no limit",
        put: |config, text| set(&mut of(config).processes, value::bound(text, 32..=32_768)),
        show: |config| show::bound(config.runtime.servers.limits.processes),
    },
    Setting {
        key: "mcp.cpu_percent",
        variable: "MCP_CPU_PERCENT",
        flag: "mcp-cpu-percent",
        kind: SettingType::Whole,
        help: "Processor time that a server may use, in hundredths of a core, unless it names its own limit; 0: no limit",
        put: |config, text| set(&mut of(config).cpu_percent, value::bound(text, 1..=102_400)),
        show: |config| show::bound(config.runtime.servers.limits.cpu_percent),
    },
    Setting {
        key: "mcp.open_files",
        variable: "MCP_OPEN_FILES",
        flag: "mcp-open-files",
        kind: SettingType::Whole,
        help: "Descriptors that each process of a server may have, unless it names its own limit; 0: 1024, which a program may raise to 8192",
        put: |config, text| set(&mut of(config).open_files, value::bound(text, 64..=1 << 20)),
        show: |config| show::bound(config.runtime.servers.limits.open_files),
    },
    Setting {
        key: "mcp.disk_mb",
        variable: "MCP_DISK_MB",
        flag: "mcp-disk-mb",
        kind: SettingType::Whole,
        help: "Size in MiB of the own folder of a contained server, unless it names its own limit; 0: no limit",
        put: |config, text| set(&mut of(config).disk_mb, value::bound(text, 1..=1 << 24)),
        show: |config| show::bound(config.runtime.servers.limits.disk_mb),
    },
];

// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.util.Arrays;
import java.util.Optional;

/** CDT's launch configuration types, and which of them a session can serve. */
public enum CdtLaunchType {
    APPLICATION("org.eclipse.cdt.launch.applicationLaunchType", null),
    /** Overrides the launch's gdb command, unless its configuration has an absolute one. */
    CORE_BUILD("org.eclipse.cdt.debug.core.localCoreBuildLaunchConfigType", null),
    /** Its gdb runs beside the host's processes. */
    ATTACH("org.eclipse.cdt.launch.attachLaunchType", null),
    POSTMORTEM(
            "org.eclipse.cdt.launch.postmortemLaunchType",
            "A core file does not run, so there is nothing to rewind. Switch checkpoint control off here."),
    REMOTE(
            "org.eclipse.cdt.launch.remoteApplicationLaunchType",
            "A program that runs under gdbserver cannot be rewound yet. Debug it on this machine by a C/C++ Application"
                    + " launch instead.");

    private final String id;
    private final String refusal;

    CdtLaunchType(String id, String refusal) {
        this.id = id;
        this.refusal = refusal;
    }

    public static Optional<CdtLaunchType> of(String id) {
        return Arrays.stream(values()).filter(type -> type.id.equals(id)).findFirst();
    }

    /** Why it cannot be under checkpoint control, in one sentence; empty: it can. */
    public Optional<String> refusal() {
        return Optional.ofNullable(refusal);
    }
}

// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.time.Instant;
import java.util.List;

/**
 * The facts of a session at one moment.
 *
 * @param supervisorPid as the host sees it
 * @param programPid the program or inferior as the session sees it; 0: none
 * @param programHostPid the same as the host sees it; 0: none
 * @param debuggerPid as the session sees it; 0: none
 * @param currentSnapshot the snapshot that the present descends from; 0: none
 * @param templateBytes memory that all templates hold for themselves, about
 */
public record SessionStatus(
        String name,
        SessionKind kind,
        SessionState state,
        int supervisorPid,
        int programPid,
        int programHostPid,
        int debuggerPid,
        List<String> command,
        String workingDirectory,
        int snapshots,
        long currentSnapshot,
        AutoSettings auto,
        Instant started,
        long templateBytes) {

    public SessionStatus {
        command = List.copyOf(command);
    }
}

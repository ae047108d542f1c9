// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * One live snapshot of a session, as the supervisor last described it.
 *
 * @param id 1, 2, 3…; never used twice in a session
 * @param name what the user called it; may be empty, see {@link #label()}
 * @param parent the snapshot that it descends from, 0: none
 * @param memoryBytes held by its template for itself alone, about; 0: not measured yet
 * @param automatic taken at a stop of the debugger, not by request
 * @param withDebugger the debugger's own state was taken too
 * @param processes the processes it holds, by their numbers inside the session
 * @param pause how long the program stood still for it
 * @param image the file that it was last saved to; empty: it is not saved
 * @param saving it is being written now, see {@link Session#saving(long)}
 */
public record Snapshot(
        long id,
        String name,
        Instant taken,
        long parent,
        Place place,
        int threads,
        long memoryBytes,
        boolean automatic,
        boolean withDebugger,
        List<Integer> processes,
        Duration pause,
        Optional<SavedImage> image,
        boolean saving) {

    public Snapshot {
        processes = List.copyOf(processes);
    }

    /** The name, or "Snapshot 3" where the user has given none. */
    public String label() {
        return name.isEmpty() ? "Snapshot " + id : name;
    }
}

// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.time.Instant;
import java.util.List;
import org.snapback.core.Place;

/**
 * What an image says of itself.
 *
 * @param writer the program that wrote it: "snapback 0.1.0"
 * @param taken when the snapshot was taken
 * @param snapshot its number in its session
 * @param name may be empty, see {@link #label()}
 * @param session the name of the session
 * @param command the program and its arguments, as they were launched
 * @param processes at least one
 * @param ancestors images that hold pages of this one
 */
public record ImageFacts(
        String writer,
        Instant taken,
        long snapshot,
        String name,
        String session,
        List<String> command,
        Machine machine,
        Place place,
        List<ImageProcess> processes,
        List<Ancestor> ancestors) {

    /** Where it was written. */
    public record Machine(String architecture, String kernel, String host) {}

    /**
     * An image on which this one builds.
     *
     * @param id as {@link ImageFile#id()}
     * @param path where it was; only its name where no more is known
     */
    public record Ancestor(String id, String path) {}

    public ImageFacts {
        command = List.copyOf(command);
        processes = List.copyOf(processes);
        ancestors = List.copyOf(ancestors);
    }

    /** The name, or "Snapshot 3" where the user has given none. */
    public String label() {
        return name.isEmpty() ? "Snapshot " + snapshot : name;
    }

    /** The threads of all processes. */
    public int threads() {
        return processes.stream().mapToInt(process -> process.threads().size()).sum();
    }

    /** True when gdb itself is in it, not only the program. */
    public boolean withDebugger() {
        return processes.stream().anyMatch(ImageProcess::debugger);
    }

    /** The process that is debugged: the first that is no debugger. */
    public ImageProcess program() {
        return processes.stream().filter(process -> !process.debugger()).findFirst().orElse(processes.get(0));
    }
}

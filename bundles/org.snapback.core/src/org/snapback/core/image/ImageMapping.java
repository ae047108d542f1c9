// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

/**
 * One mapping of a process in an image.
 *
 * @param start unsigned, as the end is
 * @param protection as /proc/PID/maps writes it, without the last letter: "rw-"
 * @param name of the file or region; empty: none
 * @param offset in the file or object
 * @param storedBytes of its memory, here or in an image that this one builds on
 */
public record ImageMapping(
        long start, long end, String protection, Kind kind, String name, long offset, long storedBytes) {

    /** What is mapped. */
    public enum Kind {
        UNKNOWN,
        ANONYMOUS,
        FILE_PRIVATE,
        FILE_SHARED,
        SHARED_OBJECT,
        SYSTEM_V,
        KERNEL
    }

    public long size() {
        return end - start;
    }
}

// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

/**
 * One thing in which two images differ.
 *
 * @param what it is: "thread 70001, rip"
 * @param left as the first image has it; empty: it has none
 * @param right as the second one has it; empty: it has none
 */
public record ImageDifference(Kind kind, String what, String left, String right) {

    /** What kind of thing differs. */
    public enum Kind {
        PROCESS,
        MAPPING,
        THREAD,
        REGISTER,
        DESCRIPTOR,
        /** Memory. */
        PAGES
    }
}

// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

/**
 * How a snapshot is written to an image.
 *
 * @param keepFiles with the contents of the regular files that the program has open for writing
 * @param full refers to no older image, and so stands alone
 * @param withDebugger the debugger's own state too, where the snapshot holds it: a restart brings the whole session back
 */
public record SaveOptions(Compression compression, boolean keepFiles, boolean full, boolean withDebugger) {

    /** How the pages are packed. */
    public enum Compression {
        /** As the native program finds best. */
        DEFAULT,
        NONE,
        ZSTD
    }

    public static final SaveOptions DEFAULT = new SaveOptions(Compression.DEFAULT, false, false, false);
}

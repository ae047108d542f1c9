// SPDX-License-Identifier: EPL-2.0
package org.snapback.api;

import com.sun.jna.Native;

/**
 * Snapback from within: a Java program that runs under {@code snapback launch} takes its own snapshots.
 *
 * <p>A thin layer over libsnapback, which JNA must be able to load ({@code jna.library.path}, {@code LD_LIBRARY_PATH}); the
 * first use throws {@link UnsatisfiedLinkError} or {@link NoClassDefFoundError} otherwise. All methods may be called by any
 * platform thread, also by several at once; other threads run on while a call waits.
 */
public final class Snapback {

    private static final Functions FUNCTIONS = Functions.load();

    /** What {@link #snapshot} has come back to. */
    public enum Answer {
        /** The snapshot has been taken, and this is the first time. */
        WENT_ON,
        /** The program has been put back to the snapshot. */
        AFTER_REWIND,
        /** The program has been made anew from an image of the snapshot. */
        AFTER_RESTART
    }

    /**
     * The session as it is now.
     *
     * @param session its name
     * @param isDebugged it is that of a debugger
     * @param disabled how often snapshots are disabled, by all threads
     * @param snapshots how many there are
     * @param currentSnapshot the number of the one that the present descends from; 0: none
     */
    public record Status(String session, boolean isDebugged, int disabled, long snapshots, long currentSnapshot) {}

    /** A time in which nobody takes a snapshot; to be closed by the thread that began it. */
    public interface Disabled extends AutoCloseable {
        @Override
        void close();
    }

    private Snapback() {}

    /** The version of the library. */
    public static String version() {
        return FUNCTIONS.snapback_version();
    }

    /** Whether this process runs under Snapback's control. */
    public static boolean isControlled() {
        return FUNCTIONS.snapback_is_controlled() == 1;
    }

    /**
     * Takes a snapshot of the whole program and waits until it is there. Returns once for the snapshot, and once more for
     * each time that the program is put back to it or made anew from its image.
     *
     * @param name at most 200 bytes of UTF-8 without control characters; may be empty
     * @throws SnapbackException when there is none
     */
    public static Answer snapshot(String name) {
        return take(name, 0);
    }

    /**
     * The same, and writes the snapshot to an image in the session's folder of images, while the program goes on.
     *
     * @throws SnapbackException when there is no snapshot; that it could not be written is told to those who watch the
     *     session
     */
    public static Answer snapshotAndSave(String name) {
        return take(name, Functions.SAVE);
    }

    private static Answer take(String name, int flags) {
        return Answer.values()[check(FUNCTIONS.snapback_snapshot(name, flags)) - 1];
    }

    /** From here to {@link #enable} nobody takes a snapshot. Nests; the same thread has to enable again. */
    public static void disable() {
        check(FUNCTIONS.snapback_disable());
    }

    /**
     * The end of what {@link #disable} began.
     *
     * @throws SnapbackException when this thread has not disabled anything
     */
    public static void enable() {
        check(FUNCTIONS.snapback_enable());
    }

    /** {@link #disable} until it is closed. */
    public static Disabled disabled() {
        disable();
        return Snapback::enable;
    }

    /**
     * The session's status.
     *
     * @throws SnapbackException when there is no session
     */
    public static Status status() {
        Functions.Status found = new Functions.Status();
        check(FUNCTIONS.snapback_status(found));
        return new Status(
                Native.toString(found.session, "UTF-8"),
                found.isDebugged != 0,
                found.disabled,
                found.snapshots,
                found.currentSnapshot);
    }

    private static int check(int result) {
        if (result < 0) {
            throw new SnapbackException(-result, FUNCTIONS.snapback_last_error());
        }
        return result;
    }
}

// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.util.List;

/** One thing that has changed in a session; the session's model already holds the new state. */
public sealed interface SessionChange {

    record Taken(Snapshot snapshot) implements SessionChange {}

    record Renamed(Snapshot snapshot) implements SessionChange {}

    /** Its place, its memory or its image is known better now. */
    record Updated(Snapshot snapshot) implements SessionChange {}

    record Deleted(List<Long> snapshots) implements SessionChange {
        public Deleted {
            snapshots = List.copyOf(snapshots);
        }
    }

    record Rewound(RewindReport report) implements SessionChange {}

    /** The saving of a snapshot goes on. */
    record Saving(SaveProgress progress) implements SessionChange {}

    /** The saving of a snapshot is over: its file is whole, or there is none; the snapshot says which. */
    record SavingEnded(long snapshot) implements SessionChange {}

    record StateChanged(SessionState state, long currentSnapshot) implements SessionChange {}

    record AutoChanged(AutoSettings auto) implements SessionChange {}

    /**
     * The last change of a session.
     *
     * @param exitStatus of the program or debugger; -1: ended by a signal, or unknown
     * @param signal 0: none
     */
    record Ended(int exitStatus, int signal) implements SessionChange {}
}

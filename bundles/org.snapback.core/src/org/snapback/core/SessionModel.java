// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import org.eclipse.jdt.annotation.Nullable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.snapback.core.control.Messages;
import org.snapback.core.protocol.Ended;
import org.snapback.core.protocol.Event;
import org.snapback.core.protocol.StateChanged;

/**
 * The state of one session; thread-safe.
 *
 * <p>A change may arrive twice, in a reply and in an event, in either order: it is told once. Written on the thread that
 * reads the socket only, so that the order of the wire is the order of the changes.
 */
final class SessionModel {

    private final Map<Long, Snapshot> snapshots = new TreeMap<>();

    /** Deleted before their late twin arrived; ids are never used twice. */
    private final Set<Long> deleted = new HashSet<>();

    /** Of the snapshots that are being saved. */
    private final Map<Long, SaveProgress> saving = new TreeMap<>();

    private SessionKind kind = SessionKind.UNKNOWN;
    private SessionState state = SessionState.STARTING;
    private AutoSettings auto = AutoSettings.OFF;
    private @Nullable RewindReport lastRewind;
    private long current;

    synchronized SessionKind kind() {
        return kind;
    }

    synchronized SessionState state() {
        return state;
    }

    synchronized AutoSettings auto() {
        return auto;
    }

    synchronized long current() {
        return current;
    }

    synchronized List<Snapshot> snapshots() {
        return List.copyOf(snapshots.values());
    }

    synchronized Optional<SaveProgress> saving(long snapshot) {
        return Optional.ofNullable(saving.get(snapshot));
    }

    synchronized void load(SessionStatus status) {
        kind = status.kind();
        state = status.state();
        auto = status.auto();
        current = status.currentSnapshot();
    }

    synchronized void load(Collection<Snapshot> all, long currentSnapshot) {
        snapshots.clear();
        all.forEach(s -> snapshots.put(s.id(), s));
        current = currentSnapshot;
    }

    /** Empty: nothing new, or a kind of event newer than this client. */
    synchronized Optional<SessionChange> take(Event event) {
        return switch (event.getWhatCase()) {
            case TAKEN -> put(Messages.snapshot(event.getTaken()));
            case RENAMED -> put(Messages.snapshot(event.getRenamed()));
            case UPDATED -> put(Messages.snapshot(event.getUpdated()));
            case DELETED -> delete(event.getDeleted().getSnapshotList());
            case REWOUND -> rewound(Messages.rewind(event.getRewound()));
            case STATE -> state(event.getState());
            case PROGRESS -> progress(event.getProgress());
            case AUTO -> auto(Messages.auto(event.getAuto()));
            case ENDED -> end(event.getEnded());
            case WHAT_NOT_SET -> Optional.empty();
        };
    }

    /** Takes in what is now known of a snapshot, new or old. */
    synchronized Optional<SessionChange> put(Snapshot snapshot) {
        if (state == SessionState.ENDED || deleted.contains(snapshot.id())) {
            return Optional.empty();
        }
        Snapshot before = snapshots.put(snapshot.id(), snapshot);
        if (before == null) {
            current = snapshot.id();
            return Optional.of(new SessionChange.Taken(snapshot));
        }
        if (before.equals(snapshot)) {
            return Optional.empty();
        }
        return Optional.of(
                before.name().equals(snapshot.name())
                        ? new SessionChange.Updated(snapshot)
                        : new SessionChange.Renamed(snapshot));
    }

    synchronized Optional<SessionChange> delete(List<Long> ids) {
        List<Long> gone = new ArrayList<>();
        for (Long id : ids) {
            deleted.add(id);
            Snapshot snapshot = snapshots.remove(id);
            if (snapshot != null) {
                gone.add(id);
                current = current == id ? snapshot.parent() : current;
            }
        }
        return gone.isEmpty() ? Optional.empty() : Optional.of(new SessionChange.Deleted(gone));
    }

    synchronized Optional<SessionChange> rewound(RewindReport report) {
        RewindReport before = lastRewind;
        if (before != null && before.equals(report)) {
            return Optional.empty();
        }
        lastRewind = report;
        current = report.snapshot();
        return Optional.of(new SessionChange.Rewound(report));
    }

    private Optional<SessionChange> progress(org.snapback.core.protocol.SaveProgress told) {
        if (told.hasFailed() || told.hasFinished()) {
            saving.remove(told.getSnapshot());
            return Optional.of(new SessionChange.SavingEnded(told.getSnapshot()));
        }
        SaveProgress progress = Messages.progress(told);
        saving.put(progress.snapshot(), progress);
        return Optional.of(new SessionChange.Saving(progress));
    }

    private Optional<SessionChange> state(StateChanged change) {
        SessionState next = Messages.state(change.getState());
        boolean same = next == state && change.getCurrentSnapshot() == current;
        if (same || state == SessionState.ENDED) {
            return Optional.empty();
        }
        state = next;
        current = change.getCurrentSnapshot();
        return Optional.of(new SessionChange.StateChanged(state, current));
    }

    synchronized Optional<SessionChange> auto(AutoSettings settings) {
        if (settings.equals(auto)) {
            return Optional.empty();
        }
        auto = settings;
        return Optional.of(new SessionChange.AutoChanged(auto));
    }

    private Optional<SessionChange> end(Ended ended) {
        return end(ended.getExitStatus(), ended.getSignal());
    }

    /** The session is over, and its snapshots with it. Empty: that was known. */
    synchronized Optional<SessionChange> end(int exitStatus, int signal) {
        if (state == SessionState.ENDED) {
            return Optional.empty();
        }
        state = SessionState.ENDED;
        snapshots.clear();
        saving.clear();
        current = 0;
        return Optional.of(new SessionChange.Ended(exitStatus, signal));
    }
}

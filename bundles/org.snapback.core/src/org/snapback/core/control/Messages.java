// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.control;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.snapback.core.AutoSettings;
import org.snapback.core.Place;
import org.snapback.core.RewindReport;
import org.snapback.core.SaveProgress;
import org.snapback.core.SaveReport;
import org.snapback.core.SavedImage;
import org.snapback.core.SessionKind;
import org.snapback.core.SessionState;
import org.snapback.core.SessionStatus;
import org.snapback.core.Snapshot;

/** Turns the control protocol's messages into the model's records. */
public final class Messages {

    private Messages() {}

    public static Snapshot snapshot(org.snapback.core.protocol.Snapshot s) {
        return new Snapshot(
                s.getId(),
                s.getName(),
                Instant.ofEpochMilli(s.getTakenMs()),
                s.getParent(),
                place(s.getPlace()),
                s.getThreads(),
                s.getMemoryBytes(),
                s.getAutomatic(),
                s.getWithDebugger(),
                s.getPidList(),
                microseconds(s.getPauseUs()),
                image(s),
                s.getSaving());
    }

    private static Optional<SavedImage> image(org.snapback.core.protocol.Snapshot s) {
        return path(s.getImage()).map(file -> new SavedImage(file, s.getSavedBytes(), Instant.ofEpochMilli(s.getSavedMs())));
    }

    /** Empty: there is none, or it cannot be a path. */
    private static Optional<Path> path(String text) {
        try {
            return text.isEmpty() ? Optional.empty() : Optional.of(Path.of(text));
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    public static SaveReport saved(org.snapback.core.protocol.SaveReport r) {
        return new SaveReport(
                r.getSnapshot(),
                path(r.getPath()).orElseGet(() -> Path.of("/")),
                r.getBytes(),
                r.getMemoryBytes(),
                microseconds(r.getDurationUs()),
                path(r.getParent()));
    }

    public static SaveProgress progress(org.snapback.core.protocol.SaveProgress p) {
        return new SaveProgress(p.getSnapshot(), p.getDoneBytes(), p.getTotalBytes());
    }

    private static Place place(org.snapback.core.protocol.Place p) {
        return new Place(p.getFunction(), p.getFile(), p.getLine(), p.getPc(), p.getReason());
    }

    public static AutoSettings auto(org.snapback.core.protocol.AutoSettings a) {
        return new AutoSettings(a.getEnabled(), a.getCap());
    }

    public static RewindReport rewind(org.snapback.core.protocol.RewindReport r) {
        return new RewindReport(
                r.getSnapshot(),
                microseconds(r.getDurationUs()),
                r.getPagesCopied(),
                r.getPagesDropped(),
                r.getThreadsMade(),
                r.getThreadsEnded(),
                r.getMappingsChanged(),
                r.getDescriptorsChanged(),
                r.getRebuilt(),
                r.getNoteList());
    }

    public static SessionStatus status(org.snapback.core.protocol.Status s) {
        return new SessionStatus(
                s.getName(),
                kind(s.getKind()),
                state(s.getState()),
                s.getSupervisorPid(),
                s.getProgramPid(),
                s.getProgramHostPid(),
                s.getDebuggerPid(),
                s.getCommandList(),
                s.getWorkingDirectory(),
                s.getSnapshots(),
                s.getCurrentSnapshot(),
                auto(s.getAuto()),
                Instant.ofEpochMilli(s.getStartedMs()),
                s.getTemplateBytes());
    }

    private static SessionKind kind(org.snapback.core.protocol.SessionKind kind) {
        return switch (kind) {
            case SESSION_KIND_PROGRAM -> SessionKind.PROGRAM;
            case SESSION_KIND_DEBUGGER -> SessionKind.DEBUGGER;
            case SESSION_KIND_UNSPECIFIED, UNRECOGNIZED -> SessionKind.UNKNOWN;
        };
    }

    public static SessionState state(org.snapback.core.protocol.SessionState state) {
        return switch (state) {
            case SESSION_STATE_STARTING -> SessionState.STARTING;
            case SESSION_STATE_RUNNING -> SessionState.RUNNING;
            case SESSION_STATE_STOPPED -> SessionState.STOPPED;
            case SESSION_STATE_EXITED -> SessionState.EXITED;
            case SESSION_STATE_IDLE -> SessionState.IDLE;
            case SESSION_STATE_UNSPECIFIED, UNRECOGNIZED -> SessionState.UNKNOWN;
        };
    }

    /** The wire's numbers are unsigned; one beyond a century is not believed, because no Duration need hold it. */
    private static Duration microseconds(long us) {
        return Duration.of(us < 0 ? Long.MAX_VALUE / 1000 : us, ChronoUnit.MICROS);
    }
}

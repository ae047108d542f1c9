// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.operations;

import java.nio.file.Path;
import java.time.Duration;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.SubMonitor;
import org.snapback.core.SaveOptions;
import org.snapback.core.SaveReport;
import org.snapback.core.Session;
import org.snapback.core.SessionChange;
import org.snapback.core.SessionListener;
import org.snapback.core.Snapshot;
import org.snapback.core.control.Messages;
import org.snapback.core.protocol.Compression;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.SaveRequest;

/**
 * Writes a snapshot to an image file while the program goes on; gives back what was written. A failure, or a cancel,
 * leaves nothing of the file, and what stood there before as it was.
 */
public final class SaveSnapshotOperation extends SessionOperation<SaveReport> {

    /** Disks may be slow and memory large; a supervisor that is gone is noticed at once, whatever this says. */
    private static final Duration TIMEOUT = Duration.ofDays(1);

    /** The steps of a progress monitor. */
    private static final int HUNDRED = 100;

    private final long snapshot;
    private final Path path;
    private final SaveOptions options;

    /**
     * @param snapshot 0: the last one taken
     * @param path a file, or an existing folder in which a unique name is chosen
     */
    public SaveSnapshotOperation(Session session, long snapshot, Path path, SaveOptions options) {
        super(session);
        this.snapshot = snapshot;
        this.path = path.toAbsolutePath();
        this.options = options;
    }

    /** Which is written; 0: the last one taken. */
    public long snapshot() {
        return snapshot;
    }

    @Override
    public String taskName() {
        String which = session().snapshot(snapshot).map(Snapshot::label).orElse("the last snapshot");
        return "Saving " + which + " of " + session().name();
    }

    @Override
    SaveReport await(SubMonitor progress) throws CoreException {
        progress.setWorkRemaining(HUNDRED);
        SessionListener follower = new Follower(progress);
        session().addListener(follower);
        try {
            return super.await(progress);
        } finally {
            session().removeListener(follower);
        }
    }

    /** Tells the monitor how far it is, on the session's reading thread; whoever waits only asks whether to cancel. */
    private final class Follower implements SessionListener {

        private final SubMonitor progress;
        private int told;

        Follower(SubMonitor progress) {
            this.progress = progress;
        }

        @Override
        public void sessionChanged(Session session, SessionChange change) {
            if (change instanceof SessionChange.Saving saving && saving.progress().snapshot() == snapshot) {
                tell(saving.progress().percent());
            }
        }

        private void tell(int percent) {
            if (percent > told) {
                progress.subTask(percent + " %");
                progress.worked(percent - told);
                told = percent;
            }
        }
    }

    @Override
    Duration timeout() {
        return TIMEOUT;
    }

    @Override
    public boolean inBackground() {
        return true;
    }

    @Override
    Request.Builder request() {
        return Request.newBuilder()
                .setSave(SaveRequest.newBuilder()
                        .setSnapshot(snapshot)
                        .setPath(path.toString())
                        .setCompression(compression(options.compression()))
                        .setKeepFiles(options.keepFiles())
                        .setFull(options.full())
                        .setWithDebugger(options.withDebugger()));
    }

    private static Compression compression(SaveOptions.Compression compression) {
        return switch (compression) {
            case DEFAULT -> Compression.COMPRESSION_DEFAULT;
            case NONE -> Compression.COMPRESSION_NONE;
            case ZSTD -> Compression.COMPRESSION_ZSTD;
        };
    }

    @Override
    SaveReport result(Reply reply) {
        return Messages.saved(reply.getSaved());
    }
}

// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import java.io.File;
import java.nio.file.Path;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.swt.SWT;
import org.eclipse.swt.widgets.FileDialog;
import org.eclipse.swt.widgets.Shell;
import org.snapback.core.SaveOptions;
import org.snapback.core.SaveReport;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.core.image.ImageFile;
import org.snapback.core.image.KnownImages;
import org.snapback.core.operations.SaveSnapshotOperation;
import org.snapback.debug.DebugPreferences;
import org.snapback.ui.internal.Messages;
import org.snapback.ui.internal.Notices;
import org.snapback.ui.internal.SessionJob;
import org.snapback.ui.internal.WorkspaceFiles;

/** Saves snapshots to images in the background, with progress in the view and in the status line, and a cancel. */
public final class Saving {

    private static final String PATTERN = "*." + ImageFile.EXTENSION;

    private Saving() {}

    /** To the folder for images, under a name that is free. */
    public static void start(Session session, long snapshot) {
        try {
            start(session, snapshot, DebugPreferences.imageFolder());
        } catch (CoreException e) {
            Notices.failed(e.getStatus());
        }
    }

    /** To a file that the user chooses. */
    public static void startAs(Shell shell, Session session, Snapshot snapshot) {
        FileDialog dialog = new FileDialog(shell, SWT.SAVE);
        dialog.setText(Messages.saveAsTitle);
        dialog.setFilterExtensions(new String[] {PATTERN});
        dialog.setOverwrite(true);
        dialog.setFileName(suggestion(session, snapshot));
        String chosen = dialog.open();
        if (chosen != null) {
            start(session, snapshot.id(), Path.of(withExtension(chosen)));
        }
    }

    private static String suggestion(Session session, Snapshot snapshot) {
        String name = session.name() + "-" + snapshot.label();
        return name.replaceAll("[^\\p{L}\\p{N}_.+-]+", "-") + "." + ImageFile.EXTENSION;
    }

    private static String withExtension(String file) {
        String name = new File(file).getName();
        return name.contains(".") ? file : file + "." + ImageFile.EXTENSION;
    }

    private static void start(Session session, long snapshot, Path path) {
        SessionJob.run(new SaveSnapshotOperation(session, snapshot, path, SaveOptions.DEFAULT), Saving::saved);
    }

    private static void saved(SaveReport report) {
        KnownImages.get().add(report.file());
        WorkspaceFiles.refresh(report.file());
        Notices.clear();
    }

    /** Gives up saving that snapshot, if it is us who saves it. */
    public static void cancel(Session session, long snapshot) {
        for (Job job : Job.getJobManager().find(SessionJob.FAMILY)) {
            if (job instanceof SessionJob<?> ours && ours.saves(session, snapshot)) {
                ours.cancel();
            }
        }
    }
}

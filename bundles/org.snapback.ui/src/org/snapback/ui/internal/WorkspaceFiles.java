// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import java.nio.file.Path;
import org.eclipse.core.resources.IFile;
import org.eclipse.core.resources.IResource;
import org.eclipse.core.resources.ResourcesPlugin;
import org.eclipse.core.runtime.ICoreRunnable;
import org.eclipse.core.runtime.jobs.Job;

/** Lets the workspace see files that were written behind its back. */
public final class WorkspaceFiles {

    private WorkspaceFiles() {}

    /** Shows a file that has come or gone, where it lies in an open project; in the background. */
    public static void refresh(Path file) {
        for (IFile known : ResourcesPlugin.getWorkspace().getRoot().findFilesForLocationURI(file.toUri())) {
            if (known.getProject().isOpen()) {
                ICoreRunnable refresh = monitor -> known.refreshLocal(IResource.DEPTH_ZERO, monitor);
                Job job = Job.createSystem(Messages.refreshing, refresh);
                job.setRule(ResourcesPlugin.getWorkspace().getRuleFactory().refreshRule(known));
                job.schedule();
            }
        }
    }
}

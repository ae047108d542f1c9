// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import java.nio.file.Path;
import org.eclipse.core.filesystem.EFS;
import org.eclipse.core.filesystem.IFileStore;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.debug.core.ILaunchManager;
import org.eclipse.debug.ui.DebugUITools;
import org.eclipse.ui.IWorkbenchPage;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.ide.IDE;
import org.snapback.core.image.KnownImages;
import org.snapback.debug.ImageLaunches;
import org.snapback.ui.internal.Notices;

/** What can be done with an image wherever it is shown. On the UI thread only. */
public final class SavedSnapshots {

    private SavedSnapshots() {}

    /** Shows it in an editor, and remembers it. */
    public static void open(Path image) {
        KnownImages.get().add(image);
        IFileStore file = EFS.getLocalFileSystem().getStore(image.toUri());
        try {
            IDE.openEditorOnFileStore(page(), file);
        } catch (CoreException e) {
            Notices.failed(e.getStatus());
        }
    }

    private static IWorkbenchPage page() {
        return PlatformUI.getWorkbench().getActiveWorkbenchWindow().getActivePage();
    }

    /** Starts a debug session in which its program stands where it was. */
    public static void restart(Path image) {
        try {
            DebugUITools.launch(ImageLaunches.configuration(image), ILaunchManager.DEBUG_MODE);
        } catch (CoreException e) {
            Notices.failed(e.getStatus());
        }
    }
}
